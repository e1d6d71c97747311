//! Puts flights together out of their rows and the reference data that they name. A part is loaded
//! once, however many flights have it.

use crate::{
    domain::{
        flight::{Equipment, Flight},
        reference::DepartureTaxes,
    },
    store::{
        fares, parsed,
        schema::{aircraft_types, airlines, airports, cities, flights, seat_layouts},
        seat_layouts::read_plan,
    },
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, result::Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{
    events::{AircraftTypeSummary, Carrier, CitySummary, FlightStatus, Station},
    flight_time::FlightTime,
    ids::FlightId,
    money::Money,
};
use std::{collections::HashMap, hash::Hash, sync::Arc};
use uuid::Uuid;

/// What a flight is put together of, out of a row of `flights`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = flights)]
pub(crate) struct FlightRow {
    pub(crate) id: Uuid,
    version: i64,
    flight_number: String,
    airline: String,
    origin: String,
    destination: String,
    departs_at: DateTime<Utc>,
    arrives_at: DateTime<Utc>,
    airplane: String,
    seat_layout_id: Uuid,
    status: String,
    reason: Option<String>,
}

/// The flights of these rows, in their order.
///
/// # Errors
/// Those of the database.
pub(crate) async fn assemble(
    connection: &mut AsyncPgConnection,
    rows: Vec<FlightRow>,
) -> QueryResult<Vec<Flight>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let airports = load_airports(connection, &rows).await?;
    let carriers = load_carriers(connection, &rows).await?;
    let equipment = load_equipment(connection, &rows).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut fares = fares::of_flights(connection, &ids).await?;
    let flight = |row: FlightRow| {
        let (origin, taxes) = part(&airports, &row.origin)?;
        let (destination, _) = part(&airports, &row.destination)?;
        let fares = fares.remove(&row.id).unwrap_or_default();
        // An airport's taxes are in the sale currency, as all fares of a flight are.
        let currency = fares.as_slice().first().map(|fare| fare.base_price.currency);
        let tax = taxes.of(origin.country == destination.country);
        let time = |at, station: &Station| {
            FlightTime::from_instant(at, &station.time_zone)
                .map_err(|error| Error::DeserializationError(Box::new(error)))
        };
        Ok(Flight {
            id: FlightId(row.id),
            version: row.version,
            flight_number: parsed(&row.flight_number)?,
            airline: part(&carriers, &row.airline)?,
            departure: time(row.departs_at, &origin)?,
            arrival: time(row.arrives_at, &destination)?,
            origin,
            destination,
            airplane: parsed(&row.airplane)?,
            equipment: part(&equipment, &row.seat_layout_id)?,
            fares,
            departure_tax: tax.zip(currency).map(|(minor, currency)| Money::new(minor, currency)),
            status: status(&row.status),
            reason: row.reason,
        })
    };
    rows.into_iter().map(flight).collect()
}

/// A part that the row names. Foreign keys keep it there; it can only be gone when the row is too.
fn part<K: Hash + Eq + std::borrow::Borrow<Q>, Q: Hash + Eq + ?Sized, V: Clone>(
    parts: &HashMap<K, V>,
    key: &Q,
) -> QueryResult<V> {
    parts.get(key).cloned().ok_or(Error::NotFound)
}

/// The stored statuses are those that the check of the table allows.
fn status(text: &str) -> FlightStatus {
    match text {
        "cancelled" => FlightStatus::Cancelled,
        "delayed" => FlightStatus::Delayed,
        _ => FlightStatus::Scheduled,
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What flights need of an airport.
#[derive(Queryable)]
struct AirportRow {
    iata: String,
    name: String,
    country: String,
    time_zone: String,
    city: String,
    city_name: String,
    domestic_tax: Option<i64>,
    international_tax: Option<i64>,
}

async fn load_airports(
    connection: &mut AsyncPgConnection,
    rows: &[FlightRow],
) -> QueryResult<HashMap<String, (Arc<Station>, DepartureTaxes)>> {
    let wanted = distinct(rows.iter().flat_map(|row| [&row.origin, &row.destination]));
    let found: Vec<AirportRow> = airports::table
        .inner_join(cities::table)
        .filter(airports::iata.eq_any(wanted))
        .select((
            airports::iata,
            airports::name,
            airports::country,
            airports::time_zone,
            cities::code,
            cities::name,
            airports::domestic_tax,
            airports::international_tax,
        ))
        .load(connection)
        .await?;
    let airport = |row: AirportRow| {
        let station = Station {
            iata: parsed(&row.iata)?,
            name: row.name,
            city: CitySummary { code: parsed(&row.city)?, name: row.city_name },
            country: parsed(&row.country)?,
            time_zone: row.time_zone,
        };
        let taxes = DepartureTaxes { domestic: row.domestic_tax, international: row.international_tax };
        Ok((row.iata, (Arc::new(station), taxes)))
    };
    found.into_iter().map(airport).collect()
}

async fn load_carriers(
    connection: &mut AsyncPgConnection,
    rows: &[FlightRow],
) -> QueryResult<HashMap<String, Arc<Carrier>>> {
    let wanted = distinct(rows.iter().map(|row| &row.airline));
    let found: Vec<(String, String, String)> = airlines::table
        .filter(airlines::code.eq_any(wanted))
        .select((airlines::code, airlines::name, airlines::accounting_code))
        .load(connection)
        .await?;
    let carrier = |(code, name, accounting): (String, String, String)| {
        let carrier = Carrier { code: parsed(&code)?, name, accounting_code: parsed(&accounting)? };
        Ok((code, Arc::new(carrier)))
    };
    found.into_iter().map(carrier).collect()
}

async fn load_equipment(
    connection: &mut AsyncPgConnection,
    rows: &[FlightRow],
) -> QueryResult<HashMap<Uuid, Arc<Equipment>>> {
    let mut wanted: Vec<Uuid> = rows.iter().map(|row| row.seat_layout_id).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let found: Vec<(Uuid, Value, String, String)> = seat_layouts::table
        .inner_join(aircraft_types::table)
        .filter(seat_layouts::id.eq_any(wanted))
        .select((seat_layouts::id, seat_layouts::plan, aircraft_types::code, aircraft_types::name))
        .load(connection)
        .await?;
    let equipment = |(id, plan, code, name): (Uuid, Value, String, String)| {
        let aircraft_type = AircraftTypeSummary { code: parsed(&code)?, name };
        Ok((id, Arc::new(Equipment { aircraft_type, plan: read_plan(plan)? })))
    };
    found.into_iter().map(equipment).collect()
}
