//! The gateway's own OpenAPI document.

use super::{
    admin_roles, admin_users, api_keys, audit, auth, dead_letters, jwks, letter_tokens, merged_openapi,
    own_data, own_sessions, system, totp, users,
};
use crate::{domain::user::User, identity::TokenSet};
use actix_web::HttpResponse;
use shared::http::{BearerToken, ProblemBody, Refusals};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Aerobus",
        description = "An airline booking system. Errors are problems (RFC 9457) with a stable `code`.",
        license(name = "MIT"),
    ),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, letter_tokens::verify_email,
        letter_tokens::resend_verification, letter_tokens::forgot_password, letter_tokens::reset_password,
        users::me, users::change,
        own_sessions::list, own_sessions::end, own_sessions::end_all, own_sessions::change_password,
        own_data::export, own_data::delete,
        api_keys::list, api_keys::create, api_keys::delete, totp::begin, totp::confirm, totp::delete,
        jwks::key_set,
        admin_users::list, admin_users::create, admin_users::get, admin_users::change, admin_users::deactivate,
        admin_users::unlock, admin_users::set_roles,
        admin_roles::list, admin_roles::create, admin_roles::change, admin_roles::delete,
        merged_openapi::merged,
        audit::list, dead_letters::list, dead_letters::replay, system::report,
    ),
    components(schemas(User, TokenSet, ProblemBody)),
    modifiers(&BearerToken, &Refusals),
    tags(
        (name = "identity", description = "Accounts, sessions, keys"),
        (name = "users", description = "Users and roles, for staff"),
        (name = "operations", description = "Audit log, dead letters, instances"),
        (name = "documentation", description = "This"),
    ),
)]
struct GatewayOpenApi;

/// The gateway's own document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    GatewayOpenApi::openapi()
}

/// `GET /openapi.json`, like that of every service.
pub(super) async fn own() -> HttpResponse {
    HttpResponse::Ok().json(document())
}
