//! What staff see and check.

pub(super) mod bookings;
mod csv;
pub(super) mod invariants;
pub(super) mod manifest;
mod media_type;
pub(super) mod stats;

use actix_web::web;
use shared::{
    db::{DatabaseConfig, Plans},
    http::method_not_allowed,
    money::Currency,
    outbox::RelayHandle,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the handlers of staff need beside the pool.
#[derive(Clone)]
pub(crate) struct Staff {
    database: DatabaseConfig,
    relay: RelayHandle,
    currency: Currency,
    /// One check of the invariants at a time: it reads everything.
    checks: Arc<Semaphore>,
    /// Reports at a time.
    reports: Arc<Semaphore>,
}

/// Reports that run at once on an instance; whoever wants another one comes back.
const REPORTS: usize = 2;

impl Staff {
    /// Checks and reports go over connections of their own to this database, which plans their statements by
    /// its statistics; amounts are in this currency.
    pub(crate) fn new(database: DatabaseConfig, relay: RelayHandle, currency: Currency) -> Self {
        let (checks, reports) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(REPORTS)));
        let database = DatabaseConfig { plans: Plans::ByStatistics, ..database };
        Self { database, relay, currency, checks, reports }
    }
}

/// The routes, below `/api/v1`.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/admin/bookings")
                .route(web::get().to(bookings::list))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/admin/flights/{id}/manifest")
                .route(web::get().to(manifest::get))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/admin/stats")
                .route(web::get().to(stats::get))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/admin/invariants/check")
                .route(web::post().to(invariants::check))
                .default_service(method_not_allowed("POST")),
        );
}
