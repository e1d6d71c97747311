//! Which seats of flights are held or sold, as booking last told.

use super::{column, schema::availability};
use crate::domain::availability::TakenSeats;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{events::SeatsState, ids::FlightId, seat::SeatDesignator, statement};
use std::{borrow::Borrow, collections::HashMap, fmt::Write};
use uuid::Uuid;

statement! {
    /// Keeps the states of known flights that are newer than the stored ones.
    KeepNewest {
        flights: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        held: Array<Text> = Vec<String>,
        sold: Array<Text> = Vec<String>,
    } -> (),
    "INSERT INTO availability (flight_id, version, held, sold)
    SELECT new.id, new.version, new.held::smallint[], new.sold::smallint[]
    FROM unnest($, $, $, $) AS new (id, version, held, sold)
    JOIN flights ON flights.id = new.id
    ORDER BY new.id
    ON CONFLICT (flight_id) DO UPDATE
    SET version = excluded.version, held = excluded.held, sold = excluded.sold
    WHERE availability.version < excluded.version"
}

/// Keeps the newest state of each flight, in one statement. States of unknown flights are passed
/// over: booking knows flights from us, so such a flight was deleted meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn keep_newest<S: Borrow<SeatsState>>(
    connection: &mut AsyncPgConnection,
    states: &[S],
) -> QueryResult<()> {
    let mut newest: HashMap<Uuid, &SeatsState> = HashMap::new();
    for state in states.iter().map(Borrow::borrow) {
        let known = newest.entry(state.flight_id.0).or_insert(state);
        if known.version < state.version {
            *known = state;
        }
    }
    // In the order of ids, as every writer of several rows does, so that writers never wait in a circle.
    let mut newest: Vec<&SeatsState> = newest.into_values().collect();
    newest.sort_by_key(|state| state.flight_id);
    let query = KeepNewest {
        flights: column(&newest, |state| state.flight_id.0),
        versions: column(&newest, |state| state.version),
        held: column(&newest, |state| array(&state.held)),
        sold: column(&newest, |state| array(&state.sold)),
    };
    query.execute(connection).await.map(drop)
}

/// The text of an array of seat numbers, `{1,2}`: `unnest` would flatten an array of arrays.
fn array(seats: &[SeatDesignator]) -> String {
    let mut text = String::with_capacity(2 + seats.len() * 4);
    for seat in seats {
        text.push(if text.is_empty() { '{' } else { ',' });
        // Writing into memory does not fail.
        let _ = write!(text, "{}", seat.to_number());
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    text
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

statement! {
    /// Flights of this service whose stored seats are older than these versions.
    Behind { flights: Array<SqlUuid> = Vec<Uuid>, versions: Array<BigInt> = Vec<i64> } -> (SqlUuid,),
    "SELECT told.id FROM unnest($, $) AS told (id, version)
    JOIN flights ON flights.id = told.id
    LEFT JOIN LATERAL (SELECT version FROM availability WHERE flight_id = told.id OFFSET 0) AS stored ON true
    WHERE coalesce(stored.version, 0) < told.version"
}

/// Those of these flights whose stored seats are older than these versions. Unknown flights are passed over.
///
/// # Errors
/// Those of the database.
pub async fn behind(
    connection: &mut AsyncPgConnection,
    told: &[(FlightId, i64)],
) -> QueryResult<Vec<FlightId>> {
    let query = Behind {
        flights: column(told, |(flight, _)| flight.0),
        versions: column(told, |(_, version)| *version),
    };
    let rows: Vec<(Uuid,)> = query.load(connection).await?;
    Ok(rows.into_iter().map(|(flight,)| FlightId(flight)).collect())
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
