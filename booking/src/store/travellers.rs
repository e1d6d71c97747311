//! The travellers of a flight. The unique constraint (flight_id, owner_id, fingerprint) keeps a person from being
//! booked twice by an account.

use booking_engine::ledger::rows::{PassengerFlightKey, TravellerRow};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{FlightId, UserId},
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
    /// The passenger keys among some that are taken.
    Taken {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        fingerprints: Array<BigInt> = Vec<i64>,
    } -> (SqlUuid, SqlUuid, BigInt),
    "SELECT f, o, p FROM unnest($, $, $) AS asked (f, o, p) JOIN travellers ON flight_id = f AND owner_id = o AND fingerprint = p"
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

/// The passenger keys among some that are taken.
pub(crate) async fn taken(
    connection: &AsyncPgConnection,
    asked: &[PassengerFlightKey],
) -> QueryResult<HashSet<PassengerFlightKey>> {
    let query = Taken {
        flights: asked.iter().map(|(flight, _, _)| flight.0).collect(),
        owners: asked.iter().map(|(_, owner, _)| owner.0).collect(),
        fingerprints: asked.iter().map(|(_, _, fingerprint)| *fingerprint).collect(),
    };
    let rows: Vec<(Uuid, Uuid, i64)> = query.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(flight, owner, one)| (FlightId(flight), UserId(owner), one)).collect())
}
