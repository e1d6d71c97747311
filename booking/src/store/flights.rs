//! The local inventory: flights from the events of the flight service, and booking's own sequence of seat versions.

use super::schema::flight_states;
use booking_engine::{
    inventory::{
        flight::is_sold,
        seat_inventory::{SeatSnapshot, TakenSeat},
    },
    ledger::rows::LockedFlight,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Jsonb, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{events::FlightState, ids::FlightId, seat::SeatDesignator, statement};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

statement! {
    /// Newest version wins. A newer version also reopens a flight that was closed.
    UpsertFlights {
        ids: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        departures: Array<Timestamptz> = Vec<DateTime<Utc>>,
        on_sale: Array<Bool> = Vec<bool>,
    } -> (),
    "INSERT INTO flights (id, version, departure_at, on_sale) SELECT * FROM unnest($, $, $, $) ON CONFLICT (id) DO UPDATE SET version = excluded.version, departure_at = excluded.departure_at, on_sale = excluded.on_sale WHERE flights.version < excluded.version"
}

statement! {
    /// Newest version wins.
    UpsertStates {
        ids: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        states: Array<Jsonb> = Vec<Value>,
    } -> (),
    "INSERT INTO flight_states (flight_id, version, state) SELECT * FROM unnest($, $, $) ON CONFLICT (flight_id) DO UPDATE SET version = excluded.version, state = excluded.state WHERE flight_states.version < excluded.version"
}

statement! {
    /// Locks flights in the order in which every writer locks them.
    LockFlights { ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, BigInt, Timestamptz, Bool, BigInt),
    "SELECT id, version, departure_at, on_sale, seats_version FROM flights WHERE id = ANY($) ORDER BY id FOR NO KEY UPDATE"
}

statement! {
    /// Locks flights, and those of bookings, in the same order.
    LockFlightsAnd { ids: Array<SqlUuid> = Vec<Uuid>, bookings: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, BigInt, Timestamptz, Bool, BigInt),
    "SELECT id, version, departure_at, on_sale, seats_version FROM flights WHERE id IN (SELECT unnest($) UNION SELECT flight_id FROM segments WHERE booking_id = ANY($)) ORDER BY id FOR NO KEY UPDATE OF flights"
}

statement! {
    /// The versions of flights and of their seats.
    Versions { ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, BigInt, BigInt),
    "SELECT id, version, seats_version FROM flights WHERE id = ANY($)"
}

statement! {
    /// The flights among some that are in the inventory.
    Known { ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid,),
    "SELECT flight_id FROM flight_states WHERE flight_id = ANY($)"
}

statement! {
    /// A flight's versions and its seats that are not free, at one instant. Of each hold how many
    /// milliseconds are left: null where sold, or while a payment of it is under way.
    SeatsNow { id: SqlUuid = Uuid } -> (BigInt, Bool, BigInt, Nullable<SmallInt>, Nullable<Bool>, Nullable<BigInt>),
    "SELECT f.version, f.on_sale, f.seats_version, s.seat, s.sold, CASE WHEN b.status = 0 AND b.payment_status = 0 THEN ceil(extract(epoch FROM b.hold_expires_at - clock_timestamp()) * 1000)::bigint END FROM flights f LEFT JOIN seats s ON s.flight_id = f.id LEFT JOIN LATERAL (SELECT status, payment_status, hold_expires_at FROM bookings WHERE id = s.booking_id OFFSET 0) AS b ON true WHERE f.id = $"
}

/// Writes states of flights. The newest version wins.
///
/// # Errors
/// Those of the database.
pub(super) async fn write_states<'a>(
    connection: &AsyncPgConnection,
    states: impl Iterator<Item = &'a (FlightState, Value)> + Clone,
) -> QueryResult<()> {
    let (ids, versions): (Vec<Uuid>, Vec<i64>) =
        states.clone().map(|(state, _)| (state.id.0, state.version)).unzip();
    let flights = UpsertFlights {
        ids: ids.clone(),
        versions: versions.clone(),
        departures: states.clone().map(|(state, _)| state.departure.at).collect(),
        on_sale: states.clone().map(|(state, _)| is_sold(state)).collect(),
    };
    flights.execute(&mut &*connection).await?;
    let states = states.map(|(_, json)| json.clone()).collect();
    UpsertStates { ids, versions, states }.execute(&mut &*connection).await?;
    Ok(())
}

/// Locks flights, in the order in which every writer locks them.
pub(crate) async fn lock(
    connection: &AsyncPgConnection,
    ids: impl IntoIterator<Item = FlightId>,
) -> QueryResult<BTreeMap<FlightId, LockedFlight>> {
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
    let rows: Vec<LockedRow> = LockFlights { ids }.load(&mut &*connection).await?;
    Ok(locked(rows))
}

/// Locks flights and those of bookings, in the order in which every writer locks them.
pub(crate) async fn lock_with(
    connection: &AsyncPgConnection,
    ids: impl IntoIterator<Item = FlightId>,
    bookings: Vec<Uuid>,
) -> QueryResult<BTreeMap<FlightId, LockedFlight>> {
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
    let rows: Vec<LockedRow> = LockFlightsAnd { ids, bookings }.load(&mut &*connection).await?;
    Ok(locked(rows))
}

type LockedRow = (Uuid, i64, DateTime<Utc>, bool, i64);

fn locked(rows: Vec<LockedRow>) -> BTreeMap<FlightId, LockedFlight> {
    let locked = |(id, version, departure_at, on_sale, seats_version)| {
        (FlightId(id), LockedFlight { version, departure_at, on_sale, seats_version })
    };
    rows.into_iter().map(locked).collect()
}

/// Versions of a flight and of its seats.
pub(crate) async fn versions(
    connection: &AsyncPgConnection,
    ids: Vec<Uuid>,
) -> QueryResult<Vec<(FlightId, i64, i64)>> {
    let rows: Vec<(Uuid, i64, i64)> = Versions { ids }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(id, version, seats)| (FlightId(id), version, seats)).collect())
}

/// The flights among some that are in the inventory.
pub(crate) async fn known(connection: &AsyncPgConnection, ids: Vec<Uuid>) -> QueryResult<Vec<FlightId>> {
    let rows: Vec<(Uuid,)> = Known { ids }.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(id,)| FlightId(id)).collect())
}

fn decode(state: Value) -> QueryResult<Arc<FlightState>> {
    serde_json::from_value(state)
        .map(Arc::new)
        .map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

/// The states of flights.
pub(crate) async fn states(
    connection: &AsyncPgConnection,
    ids: &[Uuid],
) -> QueryResult<Vec<Arc<FlightState>>> {
    let rows: Vec<Value> = flight_states::table
        .filter(flight_states::flight_id.eq_any(ids))
        .select(flight_states::state)
        .load(&mut &*connection)
        .await?;
    rows.into_iter().map(decode).collect()
}

/// Reads a flight's seats; `None` where there is no such flight.
pub(crate) async fn read_seats(
    connection: &AsyncPgConnection,
    id: FlightId,
) -> QueryResult<Option<SeatSnapshot>> {
    type TakenSeatRow = (i64, bool, i64, Option<i16>, Option<bool>, Option<i64>);
    let rows: Vec<TakenSeatRow> = SeatsNow { id: id.0 }.load(&mut &*connection).await?;
    let Some(&(version, on_sale, seats_version, ..)) = rows.as_slice().first() else { return Ok(None) };
    let taken = |(_, _, _, seat, sold, ends_in): TakenSeatRow| {
        Some(TakenSeat { seat: SeatDesignator::from_number(seat?)?, sold: sold?, ends_in })
    };
    Ok(Some(SeatSnapshot {
        version,
        on_sale,
        seats_version,
        taken: rows.into_iter().filter_map(taken).collect(),
    }))
}
