//! Airports.

use super::{ReferenceTable, RowLock, SearchPatterns, column, find_referrers, parsed, schema::airports};
use crate::domain::{
    folding::fold,
    reference::{Airport, DepartureTaxes, Versioned},
};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Double, Integer, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::iata::{AirportCode, IcaoAirportCode};
use std::collections::HashMap;

#[derive(Queryable)]
struct StoredAirport {
    iata: String,
    icao: Option<String>,
    name: String,
    city: String,
    country: String,
    time_zone: String,
    latitude: f64,
    longitude: f64,
    min_connection_minutes: Option<i32>,
    version: i64,
    domestic_tax: Option<i64>,
    international_tax: Option<i64>,
    _folded_name: String,
}

fn read(row: StoredAirport) -> QueryResult<Versioned<Airport>> {
    let value = Airport {
        iata: parsed(&row.iata)?,
        icao: row.icao.as_deref().map(parsed).transpose()?,
        name: row.name,
        city: parsed(&row.city)?,
        country: parsed(&row.country)?,
        time_zone: row.time_zone,
        latitude: row.latitude,
        longitude: row.longitude,
        min_connection_minutes: row.min_connection_minutes.and_then(|minutes| u16::try_from(minutes).ok()),
        taxes: DepartureTaxes { domestic: row.domestic_tax, international: row.international_tax },
    };
    Ok(Versioned { value, version: row.version })
}

const INSERT: &str = "INSERT INTO airports (iata, icao, name, city, country, time_zone, latitude, longitude, \
     min_connection_minutes, domestic_tax, international_tax, folded_name) SELECT * FROM \
     unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE airports SET version = airports.version + 1, icao = new.icao, name = new.name, city = \
     new.city, country = new.country, time_zone = new.time_zone, latitude = new.latitude, \
     longitude = new.longitude, min_connection_minutes = new.min_connection_minutes, domestic_tax \
     = new.domestic_tax, international_tax = new.international_tax, folded_name = new.folded_name \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS new (iata, icao, name, \
     city, country, time_zone, latitude, longitude, min_connection_minutes, domestic_tax, \
     international_tax, folded_name) WHERE airports.iata = new.iata";

/// Runs one of these for many rows.
async fn write(connection: &mut AsyncPgConnection, statement: &str, rows: &[Airport]) -> QueryResult<usize> {
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(column(rows, |row| row.iata.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.icao.as_ref().map(IcaoAirportCode::as_str)))
        .bind::<Array<Text>, _>(column(rows, |row| row.name.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.city.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.country.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.time_zone.as_str()))
        .bind::<Array<Double>, _>(column(rows, |row| row.latitude))
        .bind::<Array<Double>, _>(column(rows, |row| row.longitude))
        .bind::<Array<Nullable<Integer>>, _>(column(rows, |row| row.min_connection_minutes.map(i32::from)))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |row| row.taxes.domestic))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |row| row.taxes.international))
        .bind::<Array<Text>, _>(column(rows, |row| fold(&row.name)))
        .execute(connection)
        .await
}

impl ReferenceTable for Airport {
    type Key = AirportCode;

    fn key(&self) -> AirportCode {
        self.iata.clone()
    }

    async fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&AirportCode>,
        limit: i64,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let mut query = airports::table.order(airports::iata).limit(limit).into_boxed();
        if let Some(text) = search {
            let SearchPatterns { key, name, .. } = SearchPatterns::new(text);
            query = query.filter(airports::iata.like(key).or(airports::folded_name.like(name)));
        }
        if let Some(after) = after {
            query = query.filter(airports::iata.gt(after.as_str()));
        }
        query.load::<StoredAirport>(connection).await?.into_iter().map(read).collect()
    }

    async fn find(
        connection: &mut AsyncPgConnection,
        key: &AirportCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<StoredAirport> =
            airports::table.find(key.as_str()).first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn lock(
        connection: &mut AsyncPgConnection,
        key: &AirportCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<StoredAirport> =
            airports::table.find(key.as_str()).for_update().first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn find_many(
        connection: &mut AsyncPgConnection,
        keys: &[AirportCode],
        lock: RowLock,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let keys = column(keys, |key| key.as_str());
        let query = airports::table.filter(airports::iata.eq_any(keys)).order(airports::iata);
        let rows: Vec<StoredAirport> = match lock {
            RowLock::Unlocked => query.load(connection).await?,
            RowLock::ForUpdate => query.for_update().load(connection).await?,
        };
        rows.into_iter().map(read).collect()
    }

    async fn insert(connection: &mut AsyncPgConnection, rows: &[Self]) -> QueryResult<usize> {
        write(connection, INSERT, rows).await
    }

    async fn update_many(connection: &mut AsyncPgConnection, rows: &[Self]) -> QueryResult<usize> {
        write(connection, UPDATE, rows).await
    }

    async fn update(connection: &mut AsyncPgConnection, row: &Self) -> QueryResult<i64> {
        diesel::update(airports::table.find(row.iata.as_str()))
            .set((
                airports::icao.eq(row.icao.as_ref().map(IcaoAirportCode::as_str)),
                airports::name.eq(row.name.as_str()),
                airports::folded_name.eq(fold(&row.name)),
                airports::city.eq(row.city.as_str()),
                airports::country.eq(row.country.as_str()),
                airports::time_zone.eq(row.time_zone.as_str()),
                airports::latitude.eq(row.latitude),
                airports::longitude.eq(row.longitude),
                airports::min_connection_minutes.eq(row.min_connection_minutes.map(i32::from)),
                airports::domestic_tax.eq(row.taxes.domestic),
                airports::international_tax.eq(row.taxes.international),
                airports::version.eq(airports::version + 1),
            ))
            .returning(airports::version)
            .get_result(connection)
            .await
    }

    async fn referrers(
        connection: &mut AsyncPgConnection,
        key: &AirportCode,
        limit: i64,
    ) -> QueryResult<Vec<String>> {
        let query = "SELECT 'flights/' || id AS resource FROM flights WHERE origin = $1 \
             UNION ALL SELECT 'flights/' || id AS resource FROM flights WHERE destination = $1 \
             UNION ALL SELECT 'schedules/' || id FROM schedules WHERE origin = $1 OR destination = $1";
        find_referrers(connection, query, key.as_str(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &AirportCode) -> QueryResult<bool> {
        Ok(diesel::delete(airports::table.find(key.as_str())).execute(connection).await? == 1)
    }
}

/// The shortest connections of the airports that have one of their own, in minutes.
///
/// # Errors
/// Those of the database.
pub async fn min_connections(connection: &mut AsyncPgConnection) -> QueryResult<HashMap<AirportCode, u16>> {
    let rows: Vec<(String, Option<i32>)> = airports::table
        .filter(airports::min_connection_minutes.is_not_null())
        .select((airports::iata, airports::min_connection_minutes))
        .load(connection)
        .await?;
    let minutes = |(iata, minutes): (String, Option<i32>)| {
        let minutes = minutes.and_then(|minutes| u16::try_from(minutes).ok()).unwrap_or(u16::MAX);
        Ok((parsed(&iata)?, minutes))
    };
    rows.into_iter().map(minutes).collect()
}
