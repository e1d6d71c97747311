//! The second fence: a person is on a flight once in the live bookings of an account.

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{BookingId, FlightId, UserId},
    statement,
};
use std::collections::HashSet;
use uuid::Uuid;

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
    /// Those of some places that have travellers.
    Taken {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
    } -> (SqlUuid, SqlUuid, BigInt),
    "SELECT f, o, p FROM unnest($, $, $) AS asked (f, o, p) JOIN travellers ON flight_id = f AND owner_id = o AND fingerprint = p"
}

/// A place on a flight: of an account's person, by the fingerprint of names and date of birth.
pub(crate) type Place = (FlightId, UserId, i64);

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

impl TravellerRow {
    /// The place that it has.
    pub(crate) fn place(&self) -> Place {
        (self.flight, self.owner, self.fingerprint)
    }
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

/// Those of some places that have travellers.
pub(crate) async fn taken(connection: &AsyncPgConnection, asked: &[Place]) -> QueryResult<HashSet<Place>> {
    let query = Taken {
        flights: asked.iter().map(|(flight, _, _)| flight.0).collect(),
        owners: asked.iter().map(|(_, owner, _)| owner.0).collect(),
        fingerprints: asked.iter().map(|(_, _, fingerprint)| *fingerprint).collect(),
    };
    let rows: Vec<(Uuid, Uuid, i64)> = query.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(flight, owner, one)| (FlightId(flight), UserId(owner), one)).collect())
}
