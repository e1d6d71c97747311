//! Types of aircraft.

use super::{
    ReferenceTable, RowLock, SearchPatterns, column, find_referrers, parsed, schema::aircraft_types,
};
use crate::domain::{
    folding::fold,
    reference::{AircraftType, Versioned},
};
use diesel::{
    prelude::*,
    sql_types::{Array, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::iata::AircraftTypeCode;

type AircraftTypeRow = (String, String, String, i64, String);

fn read(row: AircraftTypeRow) -> QueryResult<Versioned<AircraftType>> {
    let (code, icao, name, version, _folded_name) = row;
    let value = AircraftType { code: parsed(&code)?, icao, name };
    Ok(Versioned { value, version })
}

const INSERT: &str = "INSERT INTO aircraft_types (code, icao, name, folded_name) SELECT * FROM unnest($1, $2, $3, \
     $4) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE aircraft_types SET version = aircraft_types.version + 1, icao = new.icao, name = \
     new.name, folded_name = new.folded_name FROM unnest($1, $2, $3, $4) AS new (code, icao, \
     name, folded_name) WHERE aircraft_types.code = new.code";

/// Runs one of these for many rows.
async fn write(
    connection: &mut AsyncPgConnection,
    statement: &str,
    rows: &[AircraftType],
) -> QueryResult<usize> {
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(column(rows, |row| row.code.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.icao.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.name.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| fold(&row.name)))
        .execute(connection)
        .await
}

impl ReferenceTable for AircraftType {
    type Key = AircraftTypeCode;

    fn key(&self) -> AircraftTypeCode {
        self.code.clone()
    }

    async fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&AircraftTypeCode>,
        limit: i64,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let mut query = aircraft_types::table.order(aircraft_types::code).limit(limit).into_boxed();
        if let Some(text) = search {
            let SearchPatterns { key, name, .. } = SearchPatterns::new(text);
            query = query.filter(aircraft_types::code.like(key).or(aircraft_types::folded_name.like(name)));
        }
        if let Some(after) = after {
            query = query.filter(aircraft_types::code.gt(after.as_str()));
        }
        query.load::<AircraftTypeRow>(connection).await?.into_iter().map(read).collect()
    }

    async fn find(
        connection: &mut AsyncPgConnection,
        key: &AircraftTypeCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<AircraftTypeRow> =
            aircraft_types::table.find(key.as_str()).first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn lock(
        connection: &mut AsyncPgConnection,
        key: &AircraftTypeCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<AircraftTypeRow> =
            aircraft_types::table.find(key.as_str()).for_update().first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn find_many(
        connection: &mut AsyncPgConnection,
        keys: &[AircraftTypeCode],
        lock: RowLock,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let keys = column(keys, |key| key.as_str());
        let query =
            aircraft_types::table.filter(aircraft_types::code.eq_any(keys)).order(aircraft_types::code);
        let rows: Vec<AircraftTypeRow> = match lock {
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
        diesel::update(aircraft_types::table.find(row.code.as_str()))
            .set((
                aircraft_types::icao.eq(row.icao.as_str()),
                aircraft_types::name.eq(row.name.as_str()),
                aircraft_types::folded_name.eq(fold(&row.name)),
                aircraft_types::version.eq(aircraft_types::version + 1),
            ))
            .returning(aircraft_types::version)
            .get_result(connection)
            .await
    }

    async fn referrers(
        connection: &mut AsyncPgConnection,
        key: &AircraftTypeCode,
        limit: i64,
    ) -> QueryResult<Vec<String>> {
        let query = "SELECT 'seat-layouts/' || id AS resource FROM seat_layouts WHERE aircraft_type = $1 \
             UNION ALL SELECT 'airplanes/' || registration AS resource FROM airplanes WHERE aircraft_type = $1";
        find_referrers(connection, query, key.as_str(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &AircraftTypeCode) -> QueryResult<bool> {
        Ok(diesel::delete(aircraft_types::table.find(key.as_str())).execute(connection).await? == 1)
    }
}
