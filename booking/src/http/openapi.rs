//! The service's OpenAPI document.

use super::{
    admin, bookings, cancellation, changes, documents, lookup, payments, resend_confirmation, seat_map,
    seat_map_events,
};
use crate::domain::seat_event::ChangedSeats;
use shared::http::{BearerToken, ProblemBody, Refusals};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Aerobus booking", description = "Seats, holds, payments.", license(name = "MIT")),
    paths(
        seat_map::get, seat_map_events::get, bookings::list, bookings::create, bookings::get, documents::ticket,
        documents::calendar, changes::contact, changes::name,
        changes::seats, cancellation::quote, cancellation::cancel, payments::pay, resend_confirmation::resend,
        lookup::lookup,
        admin::bookings::list, admin::manifest::get, admin::stats::get, admin::invariants::check,
    ),
    components(schemas(ProblemBody, ChangedSeats)),
    modifiers(&BearerToken, &Refusals),
    tags(
        (name = "seats", description = "Seat maps"),
        (name = "bookings", description = "Bookings, held and paid"),
        (name = "staff", description = "What staff see and check"),
    ),
)]
struct Document;

/// The service's document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
