//! The second fence: a person is on a flight once in the live bookings of an account.

use super::statement::statement;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::{BookingId, FlightId, UserId};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// Enters the travellers that are not on their flight yet.
    Enter {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        seated: Array<Bool> = Vec<bool>,
    } -> (SqlUuid,),
    "INSERT INTO travellers (flight_id, owner_id, fingerprint, booking_id, seated) SELECT f, o, p, b, s FROM unnest($, $, $, $, $) AS wanted (f, o, p, b, s) ORDER BY f, o, p ON CONFLICT DO NOTHING RETURNING booking_id"
}

statement! {
    /// Takes travellers off their flights.
    Leave {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "DELETE FROM travellers USING unnest($, $, $, $) AS given (f, o, p, b) WHERE flight_id = f AND owner_id = o AND fingerprint = p AND booking_id = b"
}

statement! {
    /// How many seats accounts hold unpaid on flights.
    HeldSeats {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
    } -> (SqlUuid, SqlUuid, BigInt),
    "SELECT t.flight_id, t.owner_id, count(*) FROM (SELECT DISTINCT f, o FROM unnest($, $) AS asked (f, o)) AS asked JOIN travellers t ON t.flight_id = f AND t.owner_id = o JOIN bookings b ON b.id = t.booking_id WHERE t.seated AND b.status = 0 AND (b.payment_status = 1 OR b.hold_expires_at > clock_timestamp()) GROUP BY t.flight_id, t.owner_id"
}

/// A traveller of a booking on a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TravellerRow {
    pub(crate) flight: FlightId,
    pub(crate) owner: UserId,
    /// Of the person's names and date of birth.
    pub(crate) fingerprint: i64,
    pub(crate) booking: BookingId,
    /// Whether a seat belongs to it.
    pub(crate) seated: bool,
}

/// Enters travellers; gives for each booking how many of its travellers were entered.
pub(crate) async fn enter(
    connection: &AsyncPgConnection,
    wanted: &[TravellerRow],
) -> QueryResult<HashMap<BookingId, usize>> {
    let query = Enter {
        flights: wanted.iter().map(|row| row.flight.0).collect(),
        owners: wanted.iter().map(|row| row.owner.0).collect(),
        fingerprints: wanted.iter().map(|row| row.fingerprint).collect(),
        bookings: wanted.iter().map(|row| row.booking.0).collect(),
        seated: wanted.iter().map(|row| row.seated).collect(),
    };
    let rows: Vec<(Uuid,)> = query.load(&mut &*connection).await?;
    let mut entered = HashMap::new();
    for (booking,) in rows {
        *entered.entry(BookingId(booking)).or_default() += 1;
    }
    Ok(entered)
}

/// Takes travellers off their flights.
pub(crate) async fn leave(connection: &AsyncPgConnection, given: &[TravellerRow]) -> QueryResult<()> {
    if given.is_empty() {
        return Ok(());
    }
    let query = Leave {
        flights: given.iter().map(|row| row.flight.0).collect(),
        owners: given.iter().map(|row| row.owner.0).collect(),
        fingerprints: given.iter().map(|row| row.fingerprint).collect(),
        bookings: given.iter().map(|row| row.booking.0).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// How many seats accounts hold, unpaid, on flights.
pub(crate) async fn held_seats(
    connection: &AsyncPgConnection,
    asked: &[(FlightId, UserId)],
) -> QueryResult<HashMap<(FlightId, UserId), i64>> {
    let flights = asked.iter().map(|(flight, _)| flight.0).collect();
    let owners = asked.iter().map(|(_, owner)| owner.0).collect();
    let rows: Vec<(Uuid, Uuid, i64)> = HeldSeats { flights, owners }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(flight, owner, count)| ((FlightId(flight), UserId(owner)), count)).collect())
}
