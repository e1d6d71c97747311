//! The routes of booking: thin handlers that parse, ask and present.

mod access_token;
mod admin;
mod answers;
mod bookings;
mod internal;
mod lookup;
mod new_booking;
mod openapi;
mod payment_body;
mod payments;
mod seat_map;

pub(crate) use access_token::AccessTokens;
pub(crate) use admin::Staff;
pub(crate) use lookup::Lookups;
pub use openapi::document;

use crate::store::{
    flight_cache::FlightCache,
    presented::{self, Presented},
};
use actix_web::{HttpResponse, web};
use shared::{
    auth::{Caller, Permission},
    db::{DbError, Pool},
    http::{Code, Problem, method_not_allowed},
    ids::BookingId,
};

/// What answers may not be kept by anybody in between.
const PRIVATE: &str = "private, no-store";

/// What the handlers read from.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) pool: Pool,
    pub(crate) flights: FlightCache,
}

impl Reading {
    /// A booking; `not_found` where there is none.
    async fn booking(&self, id: BookingId) -> Result<Presented, Problem> {
        let mut connection = self.pool.get().await?;
        let found = presented::find(&mut connection, &self.flights, id).await.map_err(DbError::from)?;
        found.ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// A booking that the caller may change: its own, or anybody's with the permission. Who may see
    /// it but not change it is told so; for the others there is no such booking.
    async fn changeable(&self, id: BookingId, caller: &Caller) -> Result<Presented, Problem> {
        let found = self.booking(id).await?;
        if found.0.owner_id == caller.user_id() || caller.may(Permission::BookingWriteAny) {
            return Ok(found);
        }
        match caller.may(Permission::BookingReadAny) {
            true => Err(Problem::new(Code::Forbidden)),
            false => Err(Problem::new(Code::NotFound)),
        }
    }
}

/// The routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::scope("/api/v1")
                .configure(admin::routes)
                .service(
                    web::resource("/flights/{id}/seat-map")
                        .route(web::get().to(seat_map::get))
                        .default_service(method_not_allowed("GET, HEAD")),
                )
                .service(
                    web::resource("/bookings")
                        .route(web::get().to(bookings::list))
                        .route(web::post().to(bookings::create))
                        .default_service(method_not_allowed("GET, HEAD, POST")),
                )
                .service(
                    web::resource("/bookings/lookup")
                        .route(web::post().to(lookup::lookup))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}")
                        .route(web::get().to(bookings::get))
                        .default_service(method_not_allowed("GET, HEAD")),
                )
                .service(
                    web::resource("/bookings/{id}/payments")
                        .route(web::post().to(payments::pay))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}/cancel")
                        .route(web::post().to(bookings::cancel))
                        .default_service(method_not_allowed("POST")),
                ),
        )
        .service(
            web::resource("/internal/flights/{id}/close")
                .route(web::post().to(internal::close))
                .default_service(method_not_allowed("POST")),
        )
        .service(
            web::resource("/openapi.json")
                .route(web::get().to(own_document))
                .default_service(method_not_allowed("GET, HEAD")),
        );
}

/// `GET /openapi.json`, like that of every service.
async fn own_document() -> HttpResponse {
    HttpResponse::Ok().json(document())
}
