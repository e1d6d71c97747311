//! Which seats of flights are held or sold, as booking last told.

use super::{column, schema::availability};
use crate::domain::availability::TakenSeats;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{events::SeatsState, ids::FlightId, seat::SeatDesignator, statement};
use std::{collections::HashMap, fmt::Write};
use uuid::Uuid;

statement! {
    /// Keeps states that are newer than what is there. Seats come as the text of an array: arrays of different lengths
    /// make no array of arrays.
    KeepNewest {
        flights: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        held: Array<Text> = Vec<String>,
        sold: Array<Text> = Vec<String>,
    } -> (),
    "INSERT INTO availability (flight_id, version, held, sold)
        SELECT n.flight, n.version, n.held::smallint[], n.sold::smallint[]
        FROM unnest($, $, $, $) AS n (flight, version, held, sold)
        CROSS JOIN LATERAL (SELECT FROM flights WHERE id = n.flight OFFSET 0) AS known
        ORDER BY n.flight
        ON CONFLICT (flight_id) DO UPDATE
        SET version = excluded.version, held = excluded.held, sold = excluded.sold
        WHERE availability.version < excluded.version"
}

statement! {
    /// The taken seats of flights that have a newer version than the known one.
    NewerThan {
        flights: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
    } -> (SqlUuid, BigInt, Array<SmallInt>),
    "SELECT newer.flight_id, newer.version, newer.held || newer.sold
        FROM unnest($, $) AS known (flight_id, version)
        JOIN availability AS newer ON newer.flight_id = known.flight_id AND newer.version > known.version"
}

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
    let query = KeepNewest {
        flights: column(&newest, |state| state.flight_id.0),
        versions: column(&newest, |state| state.version),
        held: column(&newest, |state| array_text(&state.held)),
        sold: column(&newest, |state| array_text(&state.sold)),
    };
    query.execute(connection).await.map(drop)
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

/// The taken seats of those of these flights that have a newer version than this.
///
/// # Errors
/// Those of the database.
pub async fn newer_than(
    connection: &mut AsyncPgConnection,
    known: &[(FlightId, i64)],
) -> QueryResult<Vec<(FlightId, TakenSeats)>> {
    let query = NewerThan {
        flights: column(known, |(flight, _)| flight.0),
        versions: column(known, |(_, version)| *version),
    };
    let rows: Vec<(Uuid, i64, Vec<i16>)> = query.load(connection).await?;
    let taken = |(flight, version, seats): (Uuid, i64, _)| (flight.into(), TakenSeats { version, seats });
    Ok(rows.into_iter().map(taken).collect())
}

/// The seats of a state as taken ones.
#[must_use]
pub fn taken(state: &SeatsState) -> TakenSeats {
    let seats = numbers(&state.held).into_iter().chain(numbers(&state.sold)).collect();
    TakenSeats { version: state.version, seats }
}

/// The numbers of seats as PostgreSQL writes an array, `{12,7}`.
fn array_text(seats: &[SeatDesignator]) -> String {
    let mut text = String::with_capacity(2 + 4 * seats.len());
    for (position, seat) in seats.iter().enumerate() {
        let separator = if position == 0 { '{' } else { ',' };
        // Writing to a text does not fail.
        let _ = write!(text, "{separator}{}", seat.to_number());
    }
    text.push_str(if seats.is_empty() { "{}" } else { "}" });
    text
}

fn numbers(seats: &[SeatDesignator]) -> Vec<i16> {
    seats.iter().map(|seat| seat.to_number()).collect()
}
