//! `/users/me`: the caller's own account.

use super::{cache_control::PRIVATE, preconditions::expected_version};
use crate::{
    domain::user::User,
    identity::{IdentityService, ProfilePatch},
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use shared::{
    auth::Caller,
    http::{Body, FromJson, JsonReader, NoParameters, Problem, conditional, entity_tag},
};
use utoipa::ToSchema;

impl FromJson for ProfilePatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self {
            given_name: object.patch_required("given_name"),
            family_name: object.patch_required("family_name"),
            locale: object.patch_required("locale"),
        })
    }
}

/// Read one's own account
#[utoipa::path(
    get, path = "/api/v1/users/me", tag = "identity", operation_id = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The caller.", body = User, headers(("ETag"))),
        (status = 304, description = "As `If-None-Match` knows it."),
    ),
)]
pub(super) async fn me(
    identity: web::Data<IdentityService>,
    caller: Caller,
    _: NoParameters,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let user = identity.me(caller.user_id()).await?;
    Ok(conditional(&request, &entity_tag(user.version), PRIVATE, &user))
}

/// Change one's own names or language
#[utoipa::path(
    patch, path = "/api/v1/users/me", tag = "identity", operation_id = "change_me", security(("bearer" = [])),
    request_body(content = ProfileBody, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The caller.", body = User, headers(("ETag"))),
        (status = 412, description = "`precondition_failed`"),
    ),
)]
pub(super) async fn change(
    identity: web::Data<IdentityService>,
    caller: Caller,
    _: NoParameters,
    request: HttpRequest,
    body: Body<ProfilePatch>,
) -> Result<HttpResponse, Problem> {
    let expected = expected_version(&request, identity.me(caller.user_id()).await?.version)?;
    let user = identity.change(caller.user_id(), body.value, expected).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, entity_tag(user.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(user))
}

/// Changes of a profile; what is absent stays.
#[derive(ToSchema)]
#[schema(as = ProfilePatch)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct ProfileBody {
    /// Given names.
    #[schema(example = "Ada", max_length = 60)]
    given_name: Option<String>,
    /// Family name.
    #[schema(example = "Lovelace", max_length = 60)]
    family_name: Option<String>,
    /// BCP 47 language tag.
    #[schema(example = "en")]
    locale: Option<String>,
}
