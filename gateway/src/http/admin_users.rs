//! `/admin/users`: accounts, for administrators.

use super::{
    cache_control::PRIVATE,
    preconditions::expected_version,
    user_bodies::{NewUserBody, RolesBody, UserPatchBody, UserRoles},
};
use crate::{
    domain::user::{User, UserStatus},
    identity::{Authority, IdentityService, NewAccount, UserPatch},
    store::user_search::UserFilter,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header, web};
use shared::{
    auth::{Permitted, required},
    http::{
        Body, EmptyBody, Id, NoParameters, Page, PageRequest, Problem, QueryParameters, RequestId,
        conditional, entity_tag,
    },
    ids::UserId,
};
use uuid::Uuid;

/// Characters of a search at most.
const LONGEST_SEARCH: usize = 254;

/// List users
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/users", tag = "users", operation_id = "list_users",
    security(("bearer" = ["user:read"])),
    params(
        ("q" = Option<String>, Query, description = "A part of the address or of the names, without case"),
        ("role" = Option<String>, Query, description = "Only users with this role"),
        ("status" = Option<UserStatus>, Query, description = "Only users with this status"),
        ("limit" = Option<u8>, Query, description = "1 to 200, else 50"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "Users.", body = Page<User>)),
)]
pub(super) async fn list(
    _: Permitted<required::UserRead>,
    identity: web::Data<IdentityService>,
    mut parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let (text, role) = (parameters.text("q"), parameters.optional("role"));
    if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_SEARCH) {
        parameters.error("q", format_args!("must have at most {LONGEST_SEARCH} characters"));
    }
    let filter = UserFilter { text, role, status: parameters.optional("status") };
    let request = PageRequest::<Uuid>::read(&mut parameters, &("users", &filter));
    parameters.finish()?;
    let users = identity.users(&filter, request.after, request.rows()).await?;
    let page = request.page(users, |user| user.id.0);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// Create a user
///
/// The address counts as verified. Roles need `role:write`; without them the user is a customer. A
/// user without a password sets one by "forgot password".
#[utoipa::path(
    post, path = "/api/v1/admin/users", tag = "users", operation_id = "create_user",
    security(("bearer" = ["user:write"])),
    request_body = NewUserBody,
    responses(
        (status = 201, description = "The user.", body = User, headers(("Location"), ("ETag"))),
        (status = 409, description = "`email_taken`"),
    ),
)]
pub(super) async fn create(
    caller: Permitted<required::UserWrite>,
    identity: web::Data<IdentityService>,
    id: RequestId,
    _: NoParameters,
    body: Body<NewAccount>,
) -> Result<HttpResponse, Problem> {
    let user = identity.create_user(&Authority::new(&caller, &id), body.value).await?;
    let location = format!("/api/v1/admin/users/{}", user.id);
    Ok(show(HttpResponse::Created().insert_header((header::LOCATION, location)), &user))
}

/// Read a user
#[utoipa::path(
    get, path = "/api/v1/admin/users/{id}", tag = "users", operation_id = "get_user",
    security(("bearer" = ["user:read"])),
    params(("id" = Uuid, Path, description = "The user")),
    responses(
        (status = 200, description = "The user.", body = User, headers(("ETag"))),
        (status = 304, description = "As `If-None-Match` knows it."),
        (status = 404, description = "There is no such user."),
    ),
)]
pub(super) async fn get(
    _: Permitted<required::UserRead>,
    identity: web::Data<IdentityService>,
    id: Id<UserId>,
    _: NoParameters,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let user = identity.user(id.0).await?;
    Ok(conditional(&request, &entity_tag(user.version), PRIVATE, &user))
}

/// Change a user
///
/// Names, language, address or status.
#[utoipa::path(
    patch, path = "/api/v1/admin/users/{id}", tag = "users", operation_id = "change_user",
    security(("bearer" = ["user:write"])),
    params(("id" = Uuid, Path, description = "The user")),
    request_body(content = UserPatchBody, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The user.", body = User, headers(("ETag"))),
        (status = 403, description = "`forbidden`: the user has permissions that you lack, or you may not change users."),
        (status = 404, description = "There is no such user."),
        (status = 409, description = "`email_taken`, or `conflict`: the last administrator stays active."),
        (status = 412, description = "`precondition_failed`"),
    ),
)]
pub(super) async fn change(
    caller: Permitted<required::UserWrite>,
    identity: web::Data<IdentityService>,
    (id, request_id): (Id<UserId>, RequestId),
    _: NoParameters,
    request: HttpRequest,
    body: Body<UserPatch>,
) -> Result<HttpResponse, Problem> {
    let expected = expected_version(&request, identity.user(id.0).await?.version)?;
    let authority = Authority::new(&caller, &request_id);
    let user = identity.change_user(&authority, id.0, body.value, expected).await?;
    Ok(show(&mut HttpResponse::Ok(), &user))
}

/// Deactivate a user
///
/// Ends all sessions; the user can no longer log in.
#[utoipa::path(
    delete, path = "/api/v1/admin/users/{id}", tag = "users", operation_id = "deactivate_user",
    security(("bearer" = ["user:write"])),
    params(("id" = Uuid, Path, description = "The user")),
    responses(
        (status = 204, description = "The user is deactivated."),
        (status = 403, description = "`forbidden`: the user has permissions that you lack, or you may not change users."),
        (status = 404, description = "There is no such user."),
        (status = 409, description = "`conflict`: the last administrator stays active."),
        (status = 412, description = "`precondition_failed`"),
    ),
)]
pub(super) async fn deactivate(
    caller: Permitted<required::UserWrite>,
    identity: web::Data<IdentityService>,
    (id, request_id): (Id<UserId>, RequestId),
    _: NoParameters,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let expected = expected_version(&request, identity.user(id.0).await?.version)?;
    let patch = UserPatch { status: Some(UserStatus::Deactivated), ..UserPatch::default() };
    let authority = Authority::new(&caller, &request_id);
    let _deactivated = identity.change_user(&authority, id.0, patch, expected).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Unlock a user
///
/// Forgets the failed logins of the account.
#[utoipa::path(
    post, path = "/api/v1/admin/users/{id}/unlock", tag = "users", operation_id = "unlock_user",
    security(("bearer" = ["user:write"])),
    params(("id" = Uuid, Path, description = "The user")),
    responses(
        (status = 204, description = "The user can log in again."),
        (status = 403, description = "`forbidden`: the user has permissions that you lack, or you may not change users."),
        (status = 404, description = "There is no such user."),
    ),
)]
pub(super) async fn unlock(
    caller: Permitted<required::UserWrite>,
    identity: web::Data<IdentityService>,
    (id, request_id): (Id<UserId>, RequestId),
    _: NoParameters,
    _: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    identity.unlock_user(&Authority::new(&caller, &request_id), id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Set the roles of a user
#[utoipa::path(
    put, path = "/api/v1/admin/users/{id}/roles", tag = "users", operation_id = "set_roles",
    security(("bearer" = ["role:write"])),
    params(("id" = Uuid, Path, description = "The user")),
    request_body = RolesBody,
    responses(
        (status = 200, description = "The user.", body = User, headers(("ETag"))),
        (status = 403, description = "`forbidden`: you lack a permission that the user has, or would have."),
        (status = 404, description = "There is no such user."),
        (status = 409, description = "`conflict`: the last administrator keeps the role."),
        (status = 412, description = "`precondition_failed`"),
    ),
)]
pub(super) async fn set_roles(
    caller: Permitted<required::RoleWrite>,
    identity: web::Data<IdentityService>,
    (id, request_id): (Id<UserId>, RequestId),
    _: NoParameters,
    request: HttpRequest,
    body: Body<UserRoles>,
) -> Result<HttpResponse, Problem> {
    let expected = expected_version(&request, identity.user(id.0).await?.version)?;
    let authority = Authority::new(&caller, &request_id);
    let user = identity.set_roles(&authority, id.0, &body.value.roles, expected).await?;
    Ok(show(&mut HttpResponse::Ok(), &user))
}

fn show(response: &mut HttpResponseBuilder, user: &User) -> HttpResponse {
    response
        .insert_header((header::ETAG, entity_tag(user.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(user)
}
