//! Travellers that earlier releases stored under other fingerprints. A migration has filled the queue with their
//! bookings; the start of the service empties it. See `domain::former_names`.

use super::{bookings, flights};
use booking_engine::{
    booking::record::Booking,
    ledger::rows::{PassengerFlightKey, TravellerRow},
};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{
    db::{DbError, Pool},
    ids::{BookingId, FlightId, UserId},
    statement,
};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Bookings of one transaction: their flights are locked for so long.
const BATCH: i64 = 100;

statement! {
    /// Takes bookings in hand; another instance that does so waits for the end of the transaction.
    Take { limit: BigInt = i64 } -> (SqlUuid,),
    "SELECT booking_id FROM former_travellers ORDER BY booking_id LIMIT $ FOR UPDATE"
}

statement! {
    /// Takes bookings out of the queue.
    Done { ids: Array<SqlUuid> = Vec<Uuid> } -> (),
    "DELETE FROM former_travellers WHERE booking_id = ANY($)"
}

statement! {
    /// The travellers of accounts on flights.
    Present {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
    } -> (SqlUuid, SqlUuid, BigInt, SqlUuid),
    "SELECT flight_id, owner_id, fingerprint, booking_id FROM unnest($, $) AS asked (f, o) JOIN travellers ON flight_id = f AND owner_id = o"
}

statement! {
    /// Gives travellers other fingerprints.
    Move {
        flights: Array<SqlUuid> = Vec<Uuid>,
        owners: Array<SqlUuid> = Vec<Uuid>,
        former: Array<BigInt> = Vec<i64>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        present: Array<BigInt> = Vec<i64>,
    } -> (),
    "UPDATE travellers SET fingerprint = n.present FROM unnest($, $, $, $, $) AS n (f, o, former, b, present) WHERE flight_id = f AND owner_id = o AND fingerprint = former AND booking_id = b"
}

/// Stores all travellers of the queue under the fingerprints of this release; gives how many there were.
///
/// # Errors
/// Those of the database; what was committed until then is done.
pub(crate) async fn refresh(pool: &Pool) -> Result<usize, DbError> {
    let mut pooled = pool.get().await?;
    let connection: &mut AsyncPgConnection = &mut pooled;
    let mut moved = 0;
    loop {
        let batch = async |connection: &mut AsyncPgConnection| refresh_batch(connection).await;
        match connection.transaction::<_, diesel::result::Error, _>(batch).await? {
            Some(count) => moved += count,
            None => return Ok(moved),
        }
    }
}

/// How many travellers of a batch were stored anew; `None` when the queue is empty.
async fn refresh_batch(connection: &mut AsyncPgConnection) -> QueryResult<Option<usize>> {
    let rows: Vec<(Uuid,)> = Take { limit: BATCH }.load(&mut &*connection).await?;
    let ids: Vec<Uuid> = rows.into_iter().map(|(id,)| id).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    // The locks of the flights exclude other writers of their travellers.
    flights::lock_with(connection, [], ids.clone()).await?;
    let mut bookings = bookings::load(connection, &ids).await?;
    bookings.sort_unstable_by_key(|booking| booking.id);
    let pairs: BTreeSet<(FlightId, UserId)> = bookings.iter().flat_map(pairs).collect();
    let present = Present {
        flights: pairs.iter().map(|(flight, _)| flight.0).collect(),
        owners: pairs.iter().map(|(_, owner)| owner.0).collect(),
    };
    let rows: Vec<(Uuid, Uuid, i64, Uuid)> = present.load(&mut &*connection).await?;
    let place = |(flight, owner, one, booking)| ((FlightId(flight), UserId(owner), one), BookingId(booking));
    let moves = moves(&bookings, rows.into_iter().map(place).collect());
    if !moves.is_empty() {
        let query = Move {
            flights: moves.iter().map(|(row, _)| row.flight.0).collect(),
            owners: moves.iter().map(|(row, _)| row.owner.0).collect(),
            former: moves.iter().map(|(row, _)| row.fingerprint).collect(),
            bookings: moves.iter().map(|(row, _)| row.booking.0).collect(),
            present: moves.iter().map(|(_, present)| *present).collect(),
        };
        query.execute(&mut &*connection).await?;
    }
    Done { ids }.execute(&mut &*connection).await?;
    Ok(Some(moves.len()))
}

/// The flights of a booking with its account.
fn pairs(booking: &Booking) -> impl Iterator<Item = (FlightId, UserId)> + '_ {
    booking.segments.iter().map(|segment| (segment.flight_id, booking.owner_id))
}

/// Which rows get which other fingerprints. Of two spellings that were two people to an earlier release the first gets
/// the present fingerprint; the other keeps its former one, by which it is still found where it is left.
fn moves(
    bookings: &[Booking],
    mut taken: HashMap<PassengerFlightKey, BookingId>,
) -> Vec<(TravellerRow, i64)> {
    let mut moves = Vec::new();
    for booking in bookings {
        for passenger in &booking.passengers {
            let (former, present) = (passenger.former_fingerprints(), passenger.fingerprint());
            for (flight, owner) in pairs(booking) {
                let stored = |one: &&i64| taken.get(&(flight, owner, **one)) == Some(&booking.id);
                let Some(&fingerprint) = former.iter().find(stored) else { continue };
                if taken.contains_key(&(flight, owner, present)) {
                    continue;
                }
                taken.remove(&(flight, owner, fingerprint));
                taken.insert((flight, owner, present), booking.id);
                let seated = passenger.kind.has_seat();
                moves.push((
                    TravellerRow { flight, owner, fingerprint, booking: booking.id, seated },
                    present,
                ));
            }
        }
    }
    moves
}
