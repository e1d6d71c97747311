//! The routes.

use super::{dead_letters, letters};
use actix_web::web;
use shared::http::method_not_allowed;

/// The routes, to be mounted below `/api/v1`. The app needs a `MailAdmin` as data.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let resource = |path: &str, route: actix_web::Route, allow: &'static str| {
        web::resource(path.to_owned()).route(route).default_service(method_not_allowed(allow))
    };
    // The literal paths come first, for `{id}` matches them too.
    config
        .service(resource("/admin/mail", web::get().to(letters::list), "GET, HEAD"))
        .service(resource("/admin/mail/dead-letters", web::get().to(dead_letters::list), "GET, HEAD"))
        .service(resource(
            "/admin/mail/dead-letters/{id}/replay",
            web::post().to(dead_letters::replay),
            "POST",
        ))
        .service(resource("/admin/mail/{id}", web::get().to(letters::get), "GET, HEAD"))
        .service(resource("/admin/mail/{id}/resend", web::post().to(letters::resend), "POST"));
}
