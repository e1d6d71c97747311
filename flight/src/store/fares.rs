//! Fares of flights: base prices by cabin and brand.

use super::{column, parsed, schema::fares};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{fare::FlightFare, ids::FlightId, money::Money};
use std::collections::HashMap;
use uuid::Uuid;

type FareRow = (Uuid, String, String, i64, String);

/// The fares of these flights, cabins from the back to the front and brands from the cheapest.
///
/// # Errors
/// Those of the database.
pub async fn of_flights(
    connection: &mut AsyncPgConnection,
    flights: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<FlightFare>>> {
    let rows: Vec<FareRow> = fares::table.filter(fares::flight_id.eq_any(flights)).load(connection).await?;
    let mut by_flight: HashMap<Uuid, Vec<FlightFare>> = HashMap::with_capacity(flights.len());
    for (flight, cabin, brand, base_price, currency) in rows {
        let base_price = Money::new(base_price, parsed(&currency)?);
        let fare = FlightFare { cabin: parsed(&cabin)?, brand: parsed(&brand)?, base_price };
        by_flight.entry(flight).or_default().push(fare);
    }
    for fares in by_flight.values_mut() {
        fares.sort_by_key(|fare| (fare.cabin, fare.brand));
    }
    Ok(by_flight)
}

/// Inserts fares, in one statement.
///
/// # Errors
/// Those of the database; each (flight, cabin, brand) may be there once.
pub async fn insert(connection: &mut AsyncPgConnection, rows: &[(FlightId, &FlightFare)]) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO fares (flight_id, cabin, brand, base_price, currency) \
         SELECT * FROM unnest($1, $2, $3, $4, $5)",
    )
    .bind::<Array<SqlUuid>, _>(column(rows, |(flight, _)| flight.0))
    .bind::<Array<Text>, _>(column(rows, |(_, fare)| fare.cabin.as_str()))
    .bind::<Array<Text>, _>(column(rows, |(_, fare)| fare.brand.as_str()))
    .bind::<Array<BigInt>, _>(column(rows, |(_, fare)| fare.base_price.minor))
    .bind::<Array<Text>, _>(column(rows, |(_, fare)| fare.base_price.currency.code()))
    .execute(connection)
    .await
    .map(drop)
}

/// Puts these fares in the place of all fares of a flight.
///
/// # Errors
/// Those of the database.
pub async fn replace(
    connection: &mut AsyncPgConnection,
    flight: FlightId,
    new: &[FlightFare],
) -> QueryResult<()> {
    diesel::delete(fares::table.filter(fares::flight_id.eq(flight.0))).execute(connection).await?;
    let rows: Vec<_> = new.iter().map(|fare| (flight, fare)).collect();
    insert(connection, &rows).await
}
