//! `/admin/roles`: roles, for administrators.

use super::{cache_control::PRIVATE, preconditions::expected_version};
use crate::{
    domain::role::{NewRole, Role, RoleName},
    identity::{Authority, IdentityService},
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header, web};
use shared::{
    auth::{Permission, Permitted, Requirement, required},
    http::{
        Body, FieldError, FromJson, JsonReader, NoParameters, Page, PageRequest, Problem, QueryParameters,
        RequestId, entity_tag, key,
    },
};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A caller who sees users with their roles, or gives them.
pub(super) struct UserReadOrRoleWrite;

impl Requirement for UserReadOrRoleWrite {
    const ANY_OF: &'static [Permission] = &[Permission::UserRead, Permission::RoleWrite];
}

/// Changes of a role; `None` keeps the present value.
#[derive(Debug, Clone)]
pub(super) struct RolePatch {
    permissions: Option<BTreeSet<Permission>>,
}

/// Each name as a permission; an error is noted for each that is none.
fn known(object: &mut JsonReader<'_>, names: &[String]) -> BTreeSet<Permission> {
    let mut permissions = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        match name.parse() {
            Ok(permission) => drop(permissions.insert(permission)),
            Err(unknown) => object.note([FieldError::at(format!("/permissions/{index}"), unknown)]),
        }
    }
    permissions
}

impl FromJson for NewRole {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let (name, names) = (object.required("name"), object.required::<Vec<String>>("permissions"));
        let permissions = names.map(|names| known(object, &names));
        Some(Self { name: name?, permissions: permissions? })
    }
}

impl FromJson for RolePatch {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        object.immutable("name");
        let names: Option<Vec<String>> = object.patch_required("permissions");
        Some(Self { permissions: names.map(|names| known(object, &names)) })
    }
}

/// List roles
///
/// By name.
#[utoipa::path(
    get, path = "/api/v1/admin/roles", tag = "users", operation_id = "list_roles",
    security(("bearer" = ["user:read"]), ("bearer" = ["role:write"])),
    params(
        ("limit" = Option<u8>, Query, description = "1 to 200, else 50"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "Roles.", body = Page<Role>)),
)]
pub(super) async fn list(
    _: Permitted<UserReadOrRoleWrite>,
    identity: web::Data<IdentityService>,
    mut parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let request = PageRequest::<String>::read(&mut parameters, &"roles");
    parameters.finish()?;
    let roles = identity.roles(request.after.as_deref(), request.rows()).await?;
    let page = request.page(roles, |role| role.name.clone());
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// Create a role
///
/// Of permissions that the caller has.
#[utoipa::path(
    post, path = "/api/v1/admin/roles", tag = "users", operation_id = "create_role",
    security(("bearer" = ["role:write"])),
    request_body = NewRoleBody,
    responses(
        (status = 201, description = "The role.", body = Role, headers(("Location"), ("ETag"))),
        (status = 403, description = "`forbidden`: you lack one of the permissions, or may not change roles."),
        (status = 409, description = "`conflict`: the name is taken."),
    ),
)]
pub(super) async fn create(
    caller: Permitted<required::RoleWrite>,
    identity: web::Data<IdentityService>,
    id: RequestId,
    _: NoParameters,
    body: Body<NewRole>,
) -> Result<HttpResponse, Problem> {
    let role = identity.create_role(&Authority::new(&caller, &id), body.value).await?;
    let location = format!("/api/v1/admin/roles/{}", role.name);
    Ok(show(HttpResponse::Created().insert_header((header::LOCATION, location)), &role))
}

/// Change the permissions of a role
///
/// The access tokens of its users end.
#[utoipa::path(
    patch, path = "/api/v1/admin/roles/{name}", tag = "users", operation_id = "change_role",
    security(("bearer" = ["role:write"])),
    params(("name" = String, Path, description = "The role")),
    request_body(content = RolePatchBody, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The role.", body = Role, headers(("ETag"))),
        (status = 403, description = "`forbidden`: you lack a permission that the role has, or would have."),
        (status = 404, description = "There is no such role."),
        (status = 409, description = "`conflict`: the role is built in."),
        (status = 412, description = "`precondition_failed`"),
    ),
)]
pub(super) async fn change(
    caller: Permitted<required::RoleWrite>,
    identity: web::Data<IdentityService>,
    id: RequestId,
    _: NoParameters,
    request: HttpRequest,
    body: Body<RolePatch>,
) -> Result<HttpResponse, Problem> {
    let name: RoleName = key(&request, "name")?;
    let expected = expected_version(&request, identity.role(&name).await?.version)?;
    let authority = Authority::new(&caller, &id);
    let role = identity.change_role(&authority, &name, body.value.permissions, expected).await?;
    Ok(show(&mut HttpResponse::Ok(), &role))
}

/// Delete a role
///
/// Only where no user has it.
#[utoipa::path(
    delete, path = "/api/v1/admin/roles/{name}", tag = "users", operation_id = "delete_role",
    security(("bearer" = ["role:write"])),
    params(("name" = String, Path, description = "The role")),
    responses(
        (status = 204, description = "The role is deleted."),
        (status = 403, description = "`forbidden`: you lack a permission that the role has, or may not change roles."),
        (status = 404, description = "There is no such role."),
        (status = 409, description = "`conflict`: the role is built in, or `refers` to its users."),
        (status = 412, description = "`precondition_failed`"),
    ),
)]
pub(super) async fn delete(
    caller: Permitted<required::RoleWrite>,
    identity: web::Data<IdentityService>,
    id: RequestId,
    _: NoParameters,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let name: RoleName = key(&request, "name")?;
    let expected = expected_version(&request, identity.role(&name).await?.version)?;
    identity.delete_role(&Authority::new(&caller, &id), &name, expected).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn show(response: &mut HttpResponseBuilder, role: &Role) -> HttpResponse {
    response
        .insert_header((header::ETAG, entity_tag(role.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(role)
}

/// A new role.
#[derive(ToSchema)]
#[schema(as = NewRole)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct NewRoleBody {
    /// Small letters, digits, hyphens and underscores.
    #[schema(example = "supervisor", min_length = 2, max_length = 40, pattern = "^[a-z0-9_-]+$")]
    name: String,
    /// What it permits.
    #[schema(example = json!(["manifest:read"]))]
    permissions: Vec<String>,
}

/// Changes of a role; what is absent stays.
#[derive(ToSchema)]
#[schema(as = RolePatch)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct RolePatchBody {
    /// What it permits.
    #[schema(example = json!(["manifest:read"]))]
    permissions: Option<Vec<String>>,
}
