//! What staff see and check.

pub(super) mod bookings;
mod deps;
pub(super) mod invariants;
pub(super) mod manifest;
pub(super) mod stats;

pub(crate) use deps::StaffDeps;

use actix_web::web;
use shared::http::{method_not_allowed, readable};

/// The routes, below `/api/v1`.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(readable("/admin/bookings").route(web::get().to(bookings::list)))
        .service(readable("/admin/flights/{id}/manifest").route(web::get().to(manifest::get)))
        .service(readable("/admin/stats").route(web::get().to(stats::get)))
        .service(
            web::resource("/admin/invariants/check")
                .route(web::post().to(invariants::check))
                .default_service(method_not_allowed("POST")),
        );
}
