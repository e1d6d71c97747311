//! Cities.

use super::{ReferenceTable, RowLock, SearchPatterns, column, find_referrers, parsed, schema::cities};
use crate::domain::{
    folding::fold,
    reference::{City, Versioned},
};
use diesel::{
    prelude::*,
    sql_types::{Array, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::iata::CityCode;

type CityRow = (String, String, String, String, i64, String);

fn read(row: CityRow) -> QueryResult<Versioned<City>> {
    let (code, name, country, time_zone, version, _folded_name) = row;
    let value = City { code: parsed(&code)?, name, country: parsed(&country)?, time_zone };
    Ok(Versioned { value, version })
}

const INSERT: &str = "INSERT INTO cities (code, name, country, time_zone, folded_name) SELECT * FROM unnest($1, \
     $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE cities SET version = cities.version + 1, name = new.name, country = new.country, \
     time_zone = new.time_zone, folded_name = new.folded_name FROM unnest($1, $2, $3, $4, $5) AS \
     new (code, name, country, time_zone, folded_name) WHERE cities.code = new.code";

/// Runs one of these for many rows.
async fn write(connection: &mut AsyncPgConnection, statement: &str, rows: &[City]) -> QueryResult<usize> {
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(column(rows, |row| row.code.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.name.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.country.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.time_zone.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| fold(&row.name)))
        .execute(connection)
        .await
}

impl ReferenceTable for City {
    type Key = CityCode;

    fn key(&self) -> CityCode {
        self.code.clone()
    }

    async fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&CityCode>,
        limit: i64,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let mut query = cities::table.order(cities::code).limit(limit).into_boxed();
        if let Some(text) = search {
            let SearchPatterns { key, name, .. } = SearchPatterns::new(text);
            query = query.filter(cities::code.like(key).or(cities::folded_name.like(name)));
        }
        if let Some(after) = after {
            query = query.filter(cities::code.gt(after.as_str()));
        }
        query.load::<CityRow>(connection).await?.into_iter().map(read).collect()
    }

    async fn find(
        connection: &mut AsyncPgConnection,
        key: &CityCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<CityRow> = cities::table.find(key.as_str()).first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn lock(
        connection: &mut AsyncPgConnection,
        key: &CityCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<CityRow> =
            cities::table.find(key.as_str()).for_update().first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn find_many(
        connection: &mut AsyncPgConnection,
        keys: &[CityCode],
        lock: RowLock,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let keys = column(keys, |key| key.as_str());
        let query = cities::table.filter(cities::code.eq_any(keys)).order(cities::code);
        let rows: Vec<CityRow> = match lock {
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
        diesel::update(cities::table.find(row.code.as_str()))
            .set((
                cities::name.eq(row.name.as_str()),
                cities::folded_name.eq(fold(&row.name)),
                cities::country.eq(row.country.as_str()),
                cities::time_zone.eq(row.time_zone.as_str()),
                cities::version.eq(cities::version + 1),
            ))
            .returning(cities::version)
            .get_result(connection)
            .await
    }

    async fn referrers(
        connection: &mut AsyncPgConnection,
        key: &CityCode,
        limit: i64,
    ) -> QueryResult<Vec<String>> {
        let query = "SELECT 'airports/' || iata AS resource FROM airports WHERE city = $1 ORDER BY iata";
        find_referrers(connection, query, key.as_str(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &CityCode) -> QueryResult<bool> {
        Ok(diesel::delete(cities::table.find(key.as_str())).execute(connection).await? == 1)
    }
}
