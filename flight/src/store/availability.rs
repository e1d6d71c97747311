//! Which seats of flights are held or sold, as booking last told.

use super::{column, schema::availability};
use crate::domain::availability::TakenSeats;
use diesel::{
    prelude::*,
    sql_types::{Array, Jsonb},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use shared::{events::SeatsState, seat::SeatDesignator};
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

/// The seats of a state as taken ones.
#[must_use]
pub fn taken(state: &SeatsState) -> TakenSeats {
    let seats = numbers(&state.held).into_iter().chain(numbers(&state.sold)).collect();
    TakenSeats { version: state.version, seats }
}

fn numbers(seats: &[SeatDesignator]) -> Vec<i16> {
    seats.iter().map(|seat| seat.to_number()).collect()
}
