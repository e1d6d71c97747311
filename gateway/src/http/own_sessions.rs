//! `/users/me/sessions` and `/users/me/password`: how the caller is signed in, and where.

use super::{cache_control::PRIVATE, logged_in::LoggedIn};
use crate::{
    domain::{client_device::ClientDevice, password::NewPassword, session::Session},
    identity::{IdentityService, PasswordChange},
};
use actix_web::{HttpResponse, http::header, web};
use shared::{
    http::{Body, FromJson, Id, JsonReader, NoParameters, Page, PageRequest, Problem, QueryParameters},
    ids::SessionId,
};
use utoipa::ToSchema;
use uuid::Uuid;

impl FromJson for PasswordChange {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let (current, new) = (object.required("current_password"), object.required("new_password"));
        Some(Self { current_password: current?, new_password: new? })
    }
}

/// List one's own sessions
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/users/me/sessions", tag = "identity", operation_id = "list_my_sessions",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u8>, Query, description = "1 to 200, else 50"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "Sessions that have not ended.", body = Page<Session>)),
)]
pub(super) async fn list(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    mut parameters: QueryParameters,
) -> Result<HttpResponse, Problem> {
    let request = PageRequest::<Uuid>::read(&mut parameters, &("sessions", caller.user_id().0));
    parameters.finish()?;
    let (user, current) = (caller.user_id(), caller.session_id());
    let sessions = identity.sessions(user, current, request.after, request.rows()).await?;
    let page = request.page(sessions, |session| session.id.0);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}

/// End one of one's own sessions
#[utoipa::path(
    delete, path = "/api/v1/users/me/sessions/{id}", tag = "identity", operation_id = "end_my_session",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "The session has ended, with its access tokens."),
        (status = 404, description = "You have no such session."),
    ),
)]
pub(super) async fn end(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    id: Id<SessionId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    identity.end_session_of(caller.user_id(), id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Log out everywhere
#[utoipa::path(
    delete, path = "/api/v1/users/me/sessions", tag = "identity", operation_id = "end_my_sessions",
    security(("bearer" = [])),
    responses((status = 204, description = "All of your sessions have ended, this one too.")),
)]
pub(super) async fn end_all(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    identity.end_sessions_of(caller.user_id()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change one's own password
///
/// The other sessions end; this one needs a refresh.
#[utoipa::path(
    post, path = "/api/v1/users/me/password", tag = "identity", operation_id = "change_my_password",
    security(("bearer" = [])),
    request_body = PasswordChangeBody,
    responses(
        (status = 204, description = "The password is changed."),
        (status = 422, description = "`validation_failed`, at `/current_password` where it is wrong"),
        (status = 429, description = "`account_locked`: too many wrong passwords"),
    ),
)]
pub(super) async fn change_password(
    identity: web::Data<IdentityService>,
    caller: LoggedIn,
    device: ClientDevice,
    _: NoParameters,
    body: Body<PasswordChange>,
) -> Result<HttpResponse, Problem> {
    identity.change_password((caller.user_id(), caller.session_id()), body.value, &device).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A change of the password.
#[derive(ToSchema)]
#[schema(as = PasswordChange)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct PasswordChangeBody {
    /// The present password.
    current_password: String,
    new_password: NewPassword,
}
