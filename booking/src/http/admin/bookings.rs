//! `GET /admin/bookings`.

use crate::{
    deadline,
    http::{
        booking_reader::BookingReader, bookings::StatusParameter, cache_control::PRIVATE, context::Context,
    },
    store::{
        admin_bookings::{self, BookingFilter},
        presented,
    },
};
use actix_web::{HttpResponse, http::header, web};
use booking_engine::booking::locator::Locator;
use diesel_async::AsyncPgConnection;
use shared::{
    auth::{Permitted, required},
    db::DbError,
    email::EmailAddress,
    events::{BookingState, BookingStatus},
    http::{Page, PageRequest, Problem, QueryParameters},
    ids::{BookingId, FlightId},
};

/// List the bookings of all travellers
///
/// Newest first. A booking has to match all filters.
#[utoipa::path(
    get, path = "/api/v1/admin/bookings", tag = "staff", security(("bearer" = ["booking:read_any"])),
    params(
        ("locator" = Option<String>, Query, description = "Only the one with this locator, in capitals or not"),
        ("email" = Option<String>, Query, description = "Only those with this contact, in capitals or not"),
        ("flight_id" = Option<FlightId>, Query, description = "Only those with a segment on this flight"),
        ("status" = Option<BookingStatus>, Query, description = "Only those that have this status now"),
        ("limit" = Option<u16>, Query, description = "1 to 200, else 50"),
        ("after" = Option<String>, Query, description = "`page.next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of bookings", body = Page<BookingState>),
    ),
)]
pub(crate) async fn list(
    _: Permitted<required::BookingReadAny>,
    mut parameters: QueryParameters,
    Context(context): Context,
    reading: web::Data<BookingReader>,
) -> Result<HttpResponse, Problem> {
    let locator = parameters.optional::<Locator>("locator");
    let email = parameters.optional::<EmailAddress>("email").map(|email| email.key());
    let flight = parameters.optional::<FlightId>("flight_id");
    let status = parameters.optional::<StatusParameter>("status").map(|status| status.0);
    let filters = ("admin/bookings", &locator, &email, flight, status);
    let page = PageRequest::<BookingId>::read(&mut parameters, &filters);
    parameters.finish()?;
    let wanted = BookingFilter { locator, email, flight, status, after: page.after, limit: page.rows() };
    let find = async |connection: &mut AsyncPgConnection| {
        let found = admin_bookings::find(connection, &wanted).await?;
        presented::present(connection, &reading.flights, found).await
    };
    let read = async {
        let mut connection = reading.pool.get().await?;
        // Several statements, of one instant.
        let mut snapshot = connection.build_transaction().repeatable_read().read_only();
        snapshot.run(find).await.map_err(DbError::from)
    };
    let found = deadline::until(context.deadline, read).await?;
    let states = found.into_iter().map(|(_, state)| state).collect();
    let page = page.page(states, |state: &BookingState| state.id);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(page))
}
