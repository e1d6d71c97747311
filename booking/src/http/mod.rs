//! The routes of booking: thin handlers that parse, ask and present.

mod access_token;
mod account_limits;
mod admin;
mod answers;
mod bookings;
mod cancellation;
mod changes;
mod context;
mod field_errors;
mod internal;
mod letter_limit;
mod load_shedding;
mod lookup;
mod lookup_limit;
mod new_booking;
mod openapi;
mod payment_body;
mod payments;
mod seat_map;
mod seat_map_events;

pub(crate) use access_token::AccessTokens;
pub(crate) use admin::Staff;
pub(crate) use context::RequestPolicy;
pub(crate) use field_errors::field_errors;
pub(crate) use lookup_limit::Lookups;
pub use openapi::document;

use crate::{
    deadline,
    store::{
        flight_cache::FlightCache,
        presented::{self, Presented},
    },
};
use actix_web::{HttpRequest, HttpResponse, http::header, middleware::from_fn, web};
use booking_engine::{booking::idempotency::Key, ledger::command::BookingRef, ports::RequestContext};
use serde_json::Value;
use shared::{
    auth::{Caller, Permission},
    db::Pool,
    events::BookingState,
    http::{Code, FieldError, Problem, method_not_allowed, require_match},
    ids::{BookingId, UserId},
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
    async fn booking(&self, id: BookingId, context: RequestContext) -> Result<Presented, Problem> {
        let find = async {
            let mut connection = self.pool.get().await?;
            Ok(presented::find(&mut connection, &self.flights, id).await?)
        };
        let found = deadline::until(context.deadline, find).await?;
        found.ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// A booking that the caller may change: its own, or anybody's with the permission. Who may see
    /// it but not change it is told so; for the others there is no such booking.
    async fn changeable(
        &self,
        id: BookingId,
        caller: &Caller,
        context: RequestContext,
    ) -> Result<Presented, Problem> {
        let found = self.booking(id, context).await?;
        if found.0.owner_id == caller.user_id() || caller.may(Permission::BookingWriteAny) {
            return Ok(found);
        }
        match caller.may(Permission::BookingReadAny) {
            true => Err(Problem::new(Code::Forbidden)),
            false => Err(Problem::new(Code::NotFound)),
        }
    }
}

/// The idempotency key of a request, if it has one.
fn key(request: &HttpRequest, caller: UserId, body: &Value) -> Result<Option<Key>, Problem> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    let wrong = |message: &str| Problem::validation(vec![FieldError::parameter("Idempotency-Key", message)]);
    if values.next().is_some() {
        return Err(wrong("must not be repeated"));
    }
    let key = Key::new(caller, request.method().as_str(), request.path(), value.as_bytes(), body);
    key.map(Some).map_err(|error| wrong(&error.to_string()))
}

/// The booking as the caller knows it: with `If-Match` only as it is now.
fn at(request: &HttpRequest, state: &BookingState) -> Result<BookingRef, Problem> {
    require_match(request, &answers::tag(state)?)?;
    let version = request.headers().contains_key(header::IF_MATCH).then_some(state.version);
    Ok(BookingRef { booking: state.id, version })
}

/// The routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(context::set_deadline))
                // First: routes are tried in their order, and most requests by far want this one.
                .service(
                    web::resource("/bookings")
                        .route(web::get().to(bookings::list))
                        .route(web::post().to(bookings::create).wrap(from_fn(load_shedding::admit)))
                        .default_service(method_not_allowed("GET, HEAD, POST")),
                )
                .configure(admin::routes)
                .service(
                    web::resource("/flights/{id}/seat-map")
                        .route(web::get().to(seat_map::get))
                        .default_service(method_not_allowed("GET, HEAD")),
                )
                .service(
                    web::resource("/flights/{id}/seat-map/events")
                        .route(web::get().to(seat_map_events::get))
                        .default_service(method_not_allowed("GET, HEAD")),
                )
                .service(
                    web::resource("/bookings/lookup")
                        .route(web::post().to(lookup::lookup))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}")
                        .route(web::get().to(bookings::get))
                        .route(web::patch().to(changes::contact))
                        .default_service(method_not_allowed("GET, HEAD, PATCH")),
                )
                .service(
                    web::resource("/bookings/{id}/passengers/{passenger_id}")
                        .route(web::patch().to(changes::name))
                        .default_service(method_not_allowed("PATCH")),
                )
                .service(
                    web::resource("/bookings/{id}/seats")
                        .route(web::patch().to(changes::seats))
                        .default_service(method_not_allowed("PATCH")),
                )
                .service(
                    web::resource("/bookings/{id}/cancellation-quote")
                        .route(web::post().to(cancellation::quote))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}/payments")
                        .route(web::post().to(payments::pay))
                        .default_service(method_not_allowed("POST")),
                )
                .service(
                    web::resource("/bookings/{id}/cancel")
                        .route(web::post().to(cancellation::cancel))
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
