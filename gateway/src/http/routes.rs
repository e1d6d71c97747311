//! The gateway's own routes.

use super::{
    audit, auth, dead_letters, jwks, letter_tokens, merged_openapi, openapi, proxy::forward, revocations,
    swagger_ui, system, users,
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
    let me = known("/api/v1/users/me").route(web::get().to(users::me)).route(web::patch().to(users::change));
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
        .service(known("/.well-known/jwks.json").route(web::get().to(jwks::key_set)))
        .service(known("/api/openapi.json").route(web::get().to(merged_openapi::merged)))
        .service(readable(REVOCATIONS_PATH).route(web::get().to(revocations::recent)))
        .service(readable("/openapi.json").route(web::get().to(openapi::own)))
        .service(readable("/api/docs").route(web::get().to(swagger_ui::redirect)))
        .service(readable("/api/docs/{file:.*}").route(web::get().to(swagger_ui::file)))
        .service(readable("/").route(web::get().to(index)))
        .default_service(web::to(forward));
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
