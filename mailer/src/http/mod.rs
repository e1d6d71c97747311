//! What admins see and do: thin handlers below `/api/v1/admin/mail`.

mod dead_letters;
mod letters;
mod openapi;

pub use openapi::document;

use crate::actors::{ConsumerHandle, SenderHandle};
use actix_web::web;
use shared::{db::Pool, http::method_not_allowed};

/// What the handlers need.
#[derive(Clone)]
pub struct MailDesk {
    /// The database.
    pub pool: Pool,
    /// Sends what is sent again.
    pub sender: SenderHandle,
    /// Works in what is replayed.
    pub consumer: ConsumerHandle,
}

/// The routes, to be mounted below `/api/v1`. The app needs a [`MailDesk`] as data.
pub fn routes(config: &mut web::ServiceConfig) {
    let resource = |path: &str, route: actix_web::Route, allow: &'static str| {
        web::resource(path.to_owned()).route(route).default_service(method_not_allowed(allow))
    };
    // The literal paths first: `{id}` would take them.
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
