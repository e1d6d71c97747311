//! Which seats of flights are held or sold, as booking last told.

use super::{column, schema::availability};
use crate::domain::availability::TakenSeats;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Jsonb, SmallInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use shared::{events::SeatsState, ids::FlightId, seat::SeatDesignator};
use std::collections::HashMap;
use uuid::Uuid;

/// Keeps the newest state of each flight, in one statement. States of unknown flights are passed
/// over: booking knows flights from us, so such a flight was deleted meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn keep_newest(connection: &mut AsyncPgConnection, states: &[SeatsState]) -> QueryResult<()> {
    let mut newest: HashMap<Uuid, &SeatsState> = HashMap::new();
    for state in states {
        let known = newest.entry(state.flight_id.0).or_insert(state);
        if known.version < state.version {
            *known = state;
        }
    }
    // In the order of ids, as every writer of several rows does, so that writers never wait in a circle.
    let mut newest: Vec<&SeatsState> = newest.into_values().collect();
    newest.sort_by_key(|state| state.flight_id);
    let rows: Vec<Value> = column(&newest, |state| {
        json!({
            "flight_id": state.flight_id, "version": state.version,
            "held": numbers(&state.held), "sold": numbers(&state.sold),
        })
    });
    diesel::sql_query(
        "INSERT INTO availability (flight_id, version, held, sold) \
         SELECT new.flight_id, new.version, new.held, new.sold \
         FROM unnest($1) AS row (state), \
              jsonb_to_record(state) AS new (flight_id uuid, version bigint, held smallint[], sold smallint[]) \
         JOIN flights ON flights.id = new.flight_id \
         ORDER BY new.flight_id \
         ON CONFLICT (flight_id) DO UPDATE \
         SET version = excluded.version, held = excluded.held, sold = excluded.sold \
         WHERE availability.version < excluded.version",
    )
    .bind::<Array<Jsonb>, _>(rows)
    .execute(connection)
    .await
    .map(drop)
}

/// The taken seats of those of these flights that booking has told of.
///
/// # Errors
/// Those of the database.
pub async fn of_flights(
    connection: &mut AsyncPgConnection,
    flights: &[Uuid],
) -> QueryResult<HashMap<Uuid, TakenSeats>> {
    let rows: Vec<(Uuid, i64, Vec<i16>, Vec<i16>)> =
        availability::table.filter(availability::flight_id.eq_any(flights)).load(connection).await?;
    let taken = |(flight, version, held, sold): (Uuid, i64, Vec<i16>, Vec<i16>)| {
        (flight, TakenSeats { version, seats: held.into_iter().chain(sold).collect() })
    };
    Ok(rows.into_iter().map(taken).collect())
}

#[derive(QueryableByName)]
struct Newer {
    #[diesel(sql_type = SqlUuid)]
    flight_id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Array<SmallInt>)]
    taken: Vec<i16>,
}

/// The taken seats of those of these flights that have a newer version than this.
///
/// # Errors
/// Those of the database.
pub async fn newer_than(
    connection: &mut AsyncPgConnection,
    known: &[(FlightId, i64)],
) -> QueryResult<Vec<(FlightId, TakenSeats)>> {
    let rows: Vec<Newer> = diesel::sql_query(
        "SELECT newer.flight_id, newer.version, newer.held || newer.sold AS taken \
         FROM unnest($1, $2) AS known (flight_id, version) \
         JOIN availability AS newer ON newer.flight_id = known.flight_id AND newer.version > known.version",
    )
    .bind::<Array<SqlUuid>, _>(column(known, |(flight, _)| flight.0))
    .bind::<Array<BigInt>, _>(column(known, |(_, version)| *version))
    .load(connection)
    .await?;
    let taken = |row: Newer| (row.flight_id.into(), TakenSeats { version: row.version, seats: row.taken });
    Ok(rows.into_iter().map(taken).collect())
}

/// The seats of a state as taken ones.
#[must_use]
pub fn taken(state: &SeatsState) -> TakenSeats {
    let seats = numbers(&state.held).into_iter().chain(numbers(&state.sold)).collect();
    TakenSeats { version: state.version, seats }
}

fn numbers(seats: &[SeatDesignator]) -> Vec<i16> {
    seats.iter().map(|seat| seat.to_number()).collect()
}
