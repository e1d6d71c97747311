//! The gateway's own routes.

use super::{
    admin_roles, admin_users, api_keys, audit, auth, dead_letters, jwks, letter_tokens, merged_openapi,
    openapi, own_data, own_sessions, proxy::forward, revocations, swagger_ui, system, totp, users,
};
use actix_web::{HttpResponse, Resource, web};
use serde_json::json;
use shared::{auth::REVOCATIONS_PATH, http::readable};

/// Mounts the gateway's own routes. All other requests go to [`forward`].
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let auth = web::scope("/api/v1/auth")
        .service(known("/register").route(web::post().to(auth::register)))
        .service(known("/login").route(web::post().to(auth::login)))
        .service(known("/refresh").route(web::post().to(auth::refresh)))
        .service(known("/logout").route(web::post().to(auth::logout)))
        .service(known("/email/verify").route(web::post().to(letter_tokens::verify_email)))
        .service(known("/email/resend").route(web::post().to(letter_tokens::resend_verification)))
        .service(known("/password/forgot").route(web::post().to(letter_tokens::forgot_password)))
        .service(known("/password/reset").route(web::post().to(letter_tokens::reset_password)))
        .default_service(web::to(forward));
    let me = known("/api/v1/users/me")
        .route(web::get().to(users::me))
        .route(web::patch().to(users::change))
        .route(web::delete().to(own_data::delete));
    let my_sessions = known("/api/v1/users/me/sessions")
        .route(web::get().to(own_sessions::list))
        .route(web::delete().to(own_sessions::end_all));
    config
        .service(auth)
        .service(me)
        .service(known("/api/v1/admin/audit").route(web::get().to(audit::list)))
        .service(known("/api/v1/admin/dead-letters/{service}").route(web::get().to(dead_letters::list)))
        .service(
            known("/api/v1/admin/dead-letters/{service}/{id}/replay")
                .route(web::post().to(dead_letters::replay)),
        )
        .service(known("/api/v1/admin/system").route(web::get().to(system::report)))
        .service(known("/api/v1/users/me/password").route(web::post().to(own_sessions::change_password)))
        .service(my_sessions)
        .service(known("/api/v1/users/me/export").route(web::get().to(own_data::export)))
        .service(known("/api/v1/users/me/sessions/{id}").route(web::delete().to(own_sessions::end)))
        .configure(own_credentials)
        .configure(administration)
        .service(known("/.well-known/jwks.json").route(web::get().to(jwks::key_set)))
        .service(known("/api/openapi.json").route(web::get().to(merged_openapi::merged)))
        .service(readable(REVOCATIONS_PATH).route(web::get().to(revocations::recent)))
        .service(readable("/openapi.json").route(web::get().to(openapi::own)))
        .service(readable("/api/docs").route(web::get().to(swagger_ui::redirect)))
        .service(readable("/api/docs/{file:.*}").route(web::get().to(swagger_ui::file)))
        .service(readable("/").route(web::get().to(index)))
        .default_service(web::to(forward));
}

/// The caller's API keys and second factor.
fn own_credentials(config: &mut web::ServiceConfig) {
    let keys = known("/api/v1/users/me/api-keys")
        .route(web::get().to(api_keys::list))
        .route(web::post().to(api_keys::create));
    let factor = known("/api/v1/users/me/totp")
        .route(web::post().to(totp::begin))
        .route(web::delete().to(totp::delete));
    config
        .service(keys)
        .service(known("/api/v1/users/me/api-keys/{id}").route(web::delete().to(api_keys::delete)))
        .service(factor)
        .service(known("/api/v1/users/me/totp/confirm").route(web::post().to(totp::confirm)));
}

/// Users and roles, for staff.
fn administration(config: &mut web::ServiceConfig) {
    let users = known("/api/v1/admin/users")
        .route(web::get().to(admin_users::list))
        .route(web::post().to(admin_users::create));
    let user = known("/api/v1/admin/users/{id}")
        .route(web::get().to(admin_users::get))
        .route(web::patch().to(admin_users::change))
        .route(web::delete().to(admin_users::deactivate));
    let roles = known("/api/v1/admin/roles")
        .route(web::get().to(admin_roles::list))
        .route(web::post().to(admin_roles::create));
    let role = known("/api/v1/admin/roles/{name}")
        .route(web::patch().to(admin_roles::change))
        .route(web::delete().to(admin_roles::delete));
    config
        .service(users)
        .service(user)
        .service(known("/api/v1/admin/users/{id}/roles").route(web::put().to(admin_users::set_roles)))
        .service(known("/api/v1/admin/users/{id}/unlock").route(web::post().to(admin_users::unlock)))
        .service(roles)
        .service(role);
}

/// A resource whose other methods are answered by the routing table: 405 with `Allow`.
fn known(path: &str) -> Resource {
    web::resource(path).default_service(web::to(forward))
}

/// Where to read on.
async fn index() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "Aerobus",
        "api": "/api/v1",
        "documentation": "/api/docs/",
        "openapi": "/api/openapi.json",
    }))
}
