//! The routes.

use super::{dead_letters, internal_letters, letters, openapi};
use actix_web::web;
use shared::http::{method_not_allowed, readable};

/// Mounts the mailer's routes. The app needs a `MailAdmin` and `Operations` as data.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let action = |path: &str| web::resource(path.to_owned()).default_service(method_not_allowed("POST"));
    // The literal paths come first, for `{id}` matches them too.
    let api = web::scope("/api/v1/admin/mail")
        .service(readable("").route(web::get().to(letters::list)))
        .service(readable("/dead-letters").route(web::get().to(dead_letters::list)))
        .service(readable("/dead-letters/{id}").route(web::get().to(dead_letters::get)))
        .service(action("/dead-letters/{id}/replay").route(web::post().to(dead_letters::replay)))
        .service(readable("/{id}").route(web::get().to(letters::get)))
        .service(action("/{id}/resend").route(web::post().to(letters::resend)));
    config
        .service(api)
        .configure(shared::operations::status_route)
        .service(action("/internal/letters/export").route(web::post().to(internal_letters::export)))
        .service(action("/internal/letters/erase").route(web::post().to(internal_letters::erase)))
        .service(readable("/openapi.json").route(web::get().to(openapi::own)));
}
