//! The network in the database: half a million flights, as if they had been planned.

use super::{flight_bench::FlightBench, network::parsed};
use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Date, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use flight::{
    domain::{
        flight::Flight,
        reference::{AircraftType, Airline, Airplane, City, SeatLayout},
    },
    store::ReferenceTable,
};
use shared::{fare::FlightFare, ids::SeatLayoutId};
use uuid::Uuid;

/// Flights that are written at once.
const AT_ONCE: usize = 10_000;

/// Writes the network: what it consists of, and its flights with their fares, without events.
///
/// # Errors
/// Those of the database.
pub async fn write(bench: &FlightBench, connection: &mut AsyncPgConnection) -> anyhow::Result<()> {
    reference_data(bench, connection).await?;
    let mut flights = bench.network.flights(bench.first, bench.options.days());
    loop {
        let chunk: Vec<Flight> = flights.by_ref().take(AT_ONCE).collect();
        if chunk.is_empty() {
            break;
        }
        let insert = async |connection: &mut AsyncPgConnection| write_flights(connection, &chunk).await;
        connection.transaction(insert).await?;
    }
    diesel::sql_query("ANALYZE").execute(connection).await?;
    Ok(())
}

async fn reference_data(bench: &FlightBench, connection: &mut AsyncPgConnection) -> anyhow::Result<()> {
    let stations = &bench.network.stations;
    let city = |station: &shared::events::Station| City {
        code: station.city.code.clone(),
        name: station.city.name.clone(),
        country: station.country.clone(),
        time_zone: station.time_zone.clone(),
    };
    let cities: Vec<City> = stations.iter().map(|station| city(station)).collect();
    City::insert(connection, &cities).await?;
    for station in stations {
        diesel::sql_query(
            "INSERT INTO airports (iata, name, city, country, time_zone, latitude, longitude, version, folded_name) \
             VALUES ($1, $2, $3, $4, $5, 0, 0, 1, lower($2))",
        )
        .bind::<Text, _>(station.iata.as_str())
        .bind::<Text, _>(&station.name)
        .bind::<Text, _>(station.city.code.as_str())
        .bind::<Text, _>(station.country.as_str())
        .bind::<Text, _>(&station.time_zone)
        .execute(connection)
        .await?;
    }
    let carrier = &bench.network.carrier;
    let airline = Airline {
        code: carrier.code.clone(),
        name: carrier.name.clone(),
        accounting_code: carrier.accounting_code.clone(),
    };
    Airline::insert(connection, &[airline]).await?;
    let equipment = &bench.network.equipment;
    let kind = &equipment.aircraft_type;
    let aircraft_type =
        AircraftType { code: kind.code.clone(), icao: "A320".to_owned(), name: kind.name.clone() };
    AircraftType::insert(connection, &[aircraft_type]).await?;
    let layout = SeatLayout {
        id: SeatLayoutId::new(),
        name: "two-class".to_owned(),
        version: 1,
        aircraft_type: kind.code.clone(),
        plan: equipment.plan.clone(),
    };
    SeatLayout::insert(connection, std::slice::from_ref(&layout)).await?;
    let airplane = |daily: &super::network::DailyFlight| Airplane {
        registration: daily.airplane.clone(),
        airline: parsed("AE"),
        aircraft_type: kind.code.clone(),
        seat_layout_id: layout.id,
    };
    let airplanes: Vec<Airplane> = bench.network.daily.iter().map(airplane).collect();
    Airplane::insert(connection, &airplanes).await.context("the airplanes")?;
    Ok(())
}

async fn write_flights(connection: &mut AsyncPgConnection, flights: &[Flight]) -> diesel::QueryResult<()> {
    let texts = |of: fn(&Flight) -> &str| flights.iter().map(of).collect::<Vec<_>>();
    let times = |of: fn(&Flight) -> DateTime<Utc>| flights.iter().map(of).collect::<Vec<_>>();
    let dates: Vec<NaiveDate> = flights.iter().map(|flight| flight.departure.local.date()).collect();
    let ids: Vec<Uuid> = flights.iter().map(|flight| flight.id.0).collect();
    diesel::sql_query(
        "INSERT INTO flights (id, flight_number, airline, origin, destination, departs_at, arrives_at, \
                              departure_date, airplane, seat_layout_id, planned_departs_at, planned_arrives_at) \
         SELECT new.*, (SELECT id FROM seat_layouts), new.departs_at, new.arrives_at \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS new \
              (id, flight_number, airline, origin, destination, departs_at, arrives_at, departure_date, airplane)",
    )
    .bind::<Array<SqlUuid>, _>(&ids)
    .bind::<Array<Text>, _>(texts(|flight| flight.flight_number.as_str()))
    .bind::<Array<Text>, _>(texts(|flight| flight.airline.code.as_str()))
    .bind::<Array<Text>, _>(texts(|flight| flight.origin.iata.as_str()))
    .bind::<Array<Text>, _>(texts(|flight| flight.destination.iata.as_str()))
    .bind::<Array<Timestamptz>, _>(times(|flight| flight.departure.at))
    .bind::<Array<Timestamptz>, _>(times(|flight| flight.arrival.at))
    .bind::<Array<Date>, _>(dates)
    .bind::<Array<Text>, _>(texts(|flight| flight.airplane.as_str()))
    .execute(connection)
    .await?;
    let fares: Vec<(Uuid, &FlightFare)> =
        flights.iter().flat_map(|flight| flight.fares.iter().map(|fare| (flight.id.0, fare))).collect();
    diesel::sql_query(
        "INSERT INTO fares (flight_id, cabin, brand, base_price, currency) \
         SELECT *, 'EUR' FROM unnest($1, $2, $3, $4)",
    )
    .bind::<Array<SqlUuid>, _>(fares.iter().map(|(flight, _)| *flight).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(fares.iter().map(|(_, fare)| fare.cabin.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(fares.iter().map(|(_, fare)| fare.brand.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(fares.iter().map(|(_, fare)| fare.base_price.minor).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
