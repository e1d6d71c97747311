//! The gateway's own OpenAPI document.

use super::{auth, documentation, jwks, users};
use crate::{domain::user::User, identity::TokenSet};
use actix_web::HttpResponse;
use shared::http::ProblemBody;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Aerobus",
        description = "An airline booking system. Errors are problems (RFC 9457) with a stable `code`.",
        license(name = "MIT"),
    ),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, users::me, users::change, jwks::key_set,
        documentation::merged,
    ),
    components(schemas(User, TokenSet, ProblemBody)),
    modifiers(&Bearer),
    tags((name = "identity", description = "Accounts, sessions, keys"), (name = "documentation", description = "This")),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The gateway's own document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// `GET /openapi.json`, like that of every service.
pub(super) async fn own() -> HttpResponse {
    HttpResponse::Ok().json(document())
}
