//! Bookings as the contract shows them, by the database's clock.

use super::{bookings, flight_cache::FlightCache, statement::statement};
use crate::domain::booking::{Booking, MissingFlight};
use chrono::{DateTime, Utc};
use diesel::{QueryResult, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{events::BookingState, ids::BookingId};

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
    let ids = found.iter().flat_map(|one| one.segments.iter().map(|segment| segment.flight_id));
    let flights = flights.current(connection, ids.collect::<Vec<_>>()).await?;
    let now = now(connection).await?;
    let missing = |error: MissingFlight| diesel::result::Error::DeserializationError(error.into());
    let present = |booking: Booking| {
        let state = booking.present(&flights, now).map_err(missing)?;
        Ok((booking, state))
    };
    found.into_iter().map(present).collect()
}

/// What is read of one booking, in several statements, is of one instant.
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
