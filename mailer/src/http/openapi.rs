//! The service's part of the API's description.

use super::{dead_letters, letters};
use actix_web::HttpResponse;
use shared::http::{BearerToken, Refusals};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Aerobus mailer", description = "Letters to travellers, as administrators see them."),
    paths(letters::list, letters::get, letters::resend, dead_letters::list, dead_letters::get, dead_letters::replay),
    tags((name = "mail", description = "Letters and their delivery.")),
    modifiers(&BearerToken, &Refusals),
)]
struct MailerOpenApi;

/// The OpenAPI document of the mailer.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    MailerOpenApi::openapi()
}

/// `GET /openapi.json`, like that of every service.
pub(super) async fn own() -> HttpResponse {
    HttpResponse::Ok().json(document())
}
