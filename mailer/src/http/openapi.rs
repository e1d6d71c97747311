//! The service's part of the API's description.

use super::{dead_letters, letters};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Aerobus mailer", description = "Letters to travellers, as administrators see them."),
    paths(letters::list, letters::get, letters::resend, dead_letters::list, dead_letters::replay),
    tags((name = "mail", description = "Letters and their delivery.")),
    modifiers(&Bearer),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The OpenAPI document of the mailer.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
