//! `/users/me/export` and `DELETE /users/me`: what is kept of the caller.

use super::{cache_control::PRIVATE, logged_in::LoggedIn};
use crate::{
    domain::{client_device::ClientDevice, password::LoginPassword},
    identity::{IdentityService, PersonalDataExport},
    personal_data::PersonalDataClient,
};
use actix_web::{HttpResponse, http::header, web};
use shared::http::{Body, FromJson, JsonReader, NoParameters, Problem};
use utoipa::ToSchema;

/// The password that confirms the deletion of an account.
pub(super) struct AccountDeletion {
    password: LoginPassword,
}

impl FromJson for AccountDeletion {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        Some(Self { password: object.required("password")? })
    }
}

/// Export one's own data
///
/// All of it or nothing: while one service does not answer, or other exports are made, the answer is 503.
#[utoipa::path(
    get, path = "/api/v1/users/me/export", tag = "identity", operation_id = "export_me",
    security(("bearer" = [])),
    responses((status = 200, description = "All of it.", body = PersonalDataExport)),
)]
pub(super) async fn export(
    identity: web::Data<IdentityService>,
    others: web::Data<PersonalDataClient>,
    caller: LoggedIn,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    let export = identity.export(caller.user_id(), caller.session_id(), &others).await?;
    let named = (header::CONTENT_DISPOSITION, "attachment; filename=\"aerobus-export.json\"");
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).insert_header(named).json(export))
}

/// Delete one's own account
///
/// Ends all sessions and erases personal data. Past bookings keep pseudonyms.
#[utoipa::path(
    delete, path = "/api/v1/users/me", tag = "identity", operation_id = "delete_me", security(("bearer" = [])),
    request_body = AccountDeletionBody,
    responses(
        (status = 204, description = "The account is deleted."),
        (status = 409, description = "`conflict`: `refers` to bookings ahead, or the last administrator stays."),
        (status = 422, description = "`validation_failed`, at `/password` where it is wrong"),
        (status = 429, description = "`account_locked`: too many wrong passwords"),
    ),
)]
pub(super) async fn delete(
    identity: web::Data<IdentityService>,
    others: web::Data<PersonalDataClient>,
    caller: LoggedIn,
    device: ClientDevice,
    _: NoParameters,
    body: Body<AccountDeletion>,
) -> Result<HttpResponse, Problem> {
    identity.delete_account(caller.user_id(), (body.value.password, &device), &others).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The confirmation of a deletion.
#[derive(ToSchema)]
#[schema(as = AccountDeletion)]
#[expect(dead_code, reason = "read by the schema derive only")]
pub(super) struct AccountDeletionBody {
    /// Your password.
    password: String,
}
