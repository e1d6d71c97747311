//! Bookings as the contract shows them, by the database's clock.

use super::{
    bookings::{self, OwnBookingsQuery},
    flight_cache::FlightCache,
};
use booking_engine::booking::record::{Booking, MissingFlight};
use chrono::{DateTime, Utc};
use diesel::{QueryResult, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{events::BookingState, ids::BookingId, statement};

/// A booking with its presentation.
pub(crate) type Presented = (Booking, BookingState);

statement! {
    /// The database's clock.
    Clock {} -> (Timestamptz,),
    "SELECT clock_timestamp()"
}

/// The database's clock.
pub(crate) async fn now(connection: &AsyncPgConnection) -> QueryResult<DateTime<Utc>> {
    let (now,): (DateTime<Utc>,) = Clock {}.get_result(&mut &*connection).await?;
    Ok(now)
}

/// Presents bookings, in their order.
pub(crate) async fn present(
    connection: &mut AsyncPgConnection,
    flights: &FlightCache,
    found: Vec<Booking>,
) -> QueryResult<Vec<Presented>> {
    let now = now(connection).await?;
    present_at(connection, flights, found, now).await
}

async fn present_at(
    connection: &mut AsyncPgConnection,
    flights: &FlightCache,
    found: Vec<Booking>,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Presented>> {
    let ids = found.iter().flat_map(|one| one.segments.iter().map(|segment| segment.flight_id));
    let flights = flights.current(connection, ids.collect::<Vec<_>>()).await?;
    let missing = |error: MissingFlight| diesel::result::Error::DeserializationError(error.into());
    let present = |booking: Booking| {
        let state = booking.present(&flights, now).map_err(missing)?;
        Ok((booking, state))
    };
    found.into_iter().map(present).collect()
}

/// The reads of several statements see one instant.
fn one_instant(
    connection: &mut AsyncPgConnection,
) -> diesel_async::pg::TransactionBuilder<'_, AsyncPgConnection> {
    connection.build_transaction().repeatable_read().read_only()
}

/// The booking with an id.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    flights: &FlightCache,
    id: BookingId,
) -> QueryResult<Option<Presented>> {
    let read = async |connection: &mut AsyncPgConnection| {
        let found = bookings::load(connection, &[id.0]).await?;
        Ok(present(connection, flights, found).await?.pop())
    };
    one_instant(connection).run(read).await
}

/// An account's bookings, newest first. They are chosen and shown by one clock: what is listed as held is
/// held.
pub(crate) async fn own(
    connection: &mut AsyncPgConnection,
    flights: &FlightCache,
    asked: &OwnBookingsQuery,
) -> QueryResult<Vec<Presented>> {
    let read = async |connection: &mut AsyncPgConnection| {
        let now = now(connection).await?;
        let found = bookings::own(connection, asked, now).await?;
        present_at(connection, flights, found, now).await
    };
    one_instant(connection).run(read).await
}
