//! What administrators send of users.

use crate::{
    domain::{password::NewPassword, user::UserStatus},
    identity::{NewAccount, UserPatch},
};
use shared::http::{FromJson, JsonReader};
use utoipa::ToSchema;

/// Roles that a request may name.
const MOST_ROLES: usize = 100;

/// The roles that a user shall have.
#[derive(Debug, Clone)]
pub(super) struct UserRoles {
    /// Their names, as they were sent.
    pub(super) roles: Vec<String>,
}

fn check_number(object: &mut JsonReader<'_>, roles: Vec<String>) -> Option<Vec<String>> {
    if roles.len() > MOST_ROLES {
        object.error("roles", format_args!("must have at most {MOST_ROLES} items"));
        return None;
    }
    Some(roles)
}

impl FromJson for UserRoles {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let roles = object.required("roles")?;
        Some(Self { roles: check_number(object, roles)? })
    }
}

impl FromJson for NewAccount {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        // All members are read before a missing one ends the function, so that the answer names all errors.
        let (email, password) = (object.required("email"), object.optional("password"));
        let (given_name, family_name) = (object.required("given_name"), object.required("family_name"));
        let locale = object.optional("locale").unwrap_or_default();
        let roles = object.optional("roles").and_then(|roles| check_number(object, roles));
        Some(Self {
            email: email?,
            password,
            given_name: given_name?,
            family_name: family_name?,
            locale,
            roles,
        })
    }
}

impl FromJson for UserPatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self {
            given_name: object.patch_required("given_name"),
            family_name: object.patch_required("family_name"),
            locale: object.patch_required("locale"),
            email: object.patch_required("email"),
            status: object.patch_required("status"),
        })
    }
}

/// A new user.
#[derive(ToSchema)]
#[schema(as = NewUser)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct NewUserBody {
    /// One account an address, in upper or lower case.
    #[schema(example = "grace@example.org", max_length = 254)]
    email: String,
    /// Without one the user sets it by "forgot password".
    password: Option<NewPassword>,
    /// Given names.
    #[schema(example = "Grace", max_length = 60)]
    given_name: String,
    /// Family name.
    #[schema(example = "Hopper", max_length = 60)]
    family_name: String,
    /// BCP 47 language tag; `en` by default.
    #[schema(example = "en")]
    locale: Option<String>,
    /// Names of roles; `customer` by default.
    #[schema(example = json!(["ops"]), max_items = 100)]
    roles: Option<Vec<String>>,
}

/// Changes of a user; what is absent stays.
#[derive(ToSchema)]
#[schema(as = UserPatch)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct UserPatchBody {
    /// Given names.
    #[schema(example = "Grace", max_length = 60)]
    given_name: Option<String>,
    /// Family name.
    #[schema(example = "Hopper", max_length = 60)]
    family_name: Option<String>,
    /// BCP 47 language tag.
    #[schema(example = "en")]
    locale: Option<String>,
    /// The address, which then counts as verified.
    #[schema(example = "grace@example.org", max_length = 254)]
    email: Option<String>,
    /// Whether the account can be used.
    status: Option<UserStatus>,
}

/// The roles that a user shall have.
#[derive(ToSchema)]
#[schema(as = UserRoles)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct RolesBody {
    /// Names of roles.
    #[schema(example = json!(["ops"]), max_items = 100)]
    roles: Vec<String>,
}
