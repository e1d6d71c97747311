//! The bookings of flights whose new states have other seat plans follow in the transaction that stores these states. So
//! a seat of a booking is a seat of its flight's stored plan at any instant.

use super::{bookings, disruptions, flights, presented, seats, write_set};
use booking_engine::{
    booking::record::{Booking, Flights},
    ledger::{
        equipment::{EquipmentChange, EquipmentFault},
        rows::LockedFlight,
    },
};
use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
    sql_types::{Array, BigInt, Jsonb, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{
    events::{FlightState, SeatsState},
    ids::FlightId,
    outbox, statement,
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

statement! {
    /// The flights among new states that have other seats than the stored ones, and are newer.
    OtherPlans {
        ids: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        plans: Array<Jsonb> = Vec<Value>,
    } -> (SqlUuid,),
    "SELECT s.flight_id FROM unnest($, $, $) AS new (id, version, plan) JOIN flight_states s ON s.flight_id = new.id WHERE s.version < new.version AND s.state->'seat_plan' IS DISTINCT FROM new.plan"
}

statement! {
    /// The bookings with seats on flights.
    BookingsOnAny { flights: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid,),
    "SELECT DISTINCT booking_id FROM seats WHERE flight_id = ANY($)"
}

/// The bookings that have to follow to other seats. Their flights must be locked before they are changed.
pub(super) async fn affected(
    connection: &AsyncPgConnection,
    states: impl Iterator<Item = &(FlightState, Value)> + Clone,
) -> QueryResult<Vec<Uuid>> {
    let query = OtherPlans {
        ids: states.clone().map(|(state, _)| state.id.0).collect(),
        versions: states.clone().map(|(state, _)| state.version).collect(),
        plans: states.map(|(_, document)| document["seat_plan"].clone()).collect(),
    };
    let other: Vec<(Uuid,)> = query.load(&mut &*connection).await?;
    if other.is_empty() {
        return Ok(Vec::new());
    }
    let flights = other.into_iter().map(|(id,)| id).collect();
    let rows: Vec<(Uuid,)> = BookingsOnAny { flights }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Has the bookings of a flight follow it to its new plan, with their events. Gives the flight's seats if anybody has
/// moved. `locked`: the locked flights, among them all those of the bookings `affected`.
///
/// # Errors
/// Those of the database. A booking that has come meanwhile, whose flights are not locked, is a serialization failure:
/// another try finds it. A plan with too few seats cannot be stored: [`Error::QueryBuilderError`].
pub(super) async fn follow(
    connection: &AsyncPgConnection,
    (locked, affected): (&BTreeMap<FlightId, LockedFlight>, &[Uuid]),
    after: &FlightState,
) -> QueryResult<Option<SeatsState>> {
    let on_flight = disruptions::bookings_on(connection, after.id).await?;
    let known: HashSet<&Uuid> = affected.iter().collect();
    if !on_flight.iter().all(|booking| known.contains(&booking.0)) {
        let reason = "a booking has come whose flights are not locked".to_owned();
        return Err(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(reason)));
    }
    let Some(version) = locked.get(&after.id).map(|flight| flight.seats_version) else { return Ok(None) };
    let ids: Vec<Uuid> = on_flight.into_iter().map(Uuid::from).collect();
    let bookings = bookings::load(connection, &ids).await?;
    let mut taken = seats::taken(connection, &[(after.id, version)]).await?;
    let Some(taken) = taken.remove(&after.id) else { return Ok(None) };
    let flights = flights_of(connection, &bookings, after).await?;
    let now = presented::now(connection).await?;
    let change = EquipmentChange::new(bookings, (after, &flights), (locked, taken), now).map_err(refused)?;
    write_set::write(connection, &change.write_set()).await?;
    outbox::append(connection, &change.events()).await?;
    Ok(change.into_seats())
}

fn refused(fault: EquipmentFault) -> Error {
    Error::QueryBuilderError(fault.into())
}

/// The states of the flights of bookings, with the new one.
async fn flights_of(
    connection: &AsyncPgConnection,
    bookings: &[Booking],
    after: &FlightState,
) -> QueryResult<Flights> {
    let mut ids: Vec<Uuid> = bookings.iter().flat_map(Booking::flights).map(Uuid::from).collect();
    ids.sort_unstable();
    ids.dedup();
    let states = flights::states(connection, &ids).await?;
    let mut flights: Flights = states.into_iter().map(|state| (state.id, state)).collect();
    flights.insert(after.id, Arc::new(after.clone()));
    Ok(flights)
}
