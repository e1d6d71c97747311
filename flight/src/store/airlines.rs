//! Airlines.

use super::{ReferenceTable, RowLock, SearchPatterns, column, find_referrers, parsed, schema::airlines};
use crate::domain::{
    folding::fold,
    reference::{Airline, Versioned},
};
use diesel::{
    prelude::*,
    sql_types::{Array, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::iata::AirlineCode;

type AirlineRow = (String, String, String, i64, String);

fn read(row: AirlineRow) -> QueryResult<Versioned<Airline>> {
    let (code, name, accounting_code, version, _folded_name) = row;
    let value = Airline { code: parsed(&code)?, name, accounting_code: parsed(&accounting_code)? };
    Ok(Versioned { value, version })
}

const INSERT: &str = "INSERT INTO airlines (code, name, accounting_code, folded_name) SELECT * FROM unnest($1, $2, \
     $3, $4) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE airlines SET version = airlines.version + 1, name = new.name, accounting_code = \
     new.accounting_code, folded_name = new.folded_name FROM unnest($1, $2, $3, $4) AS new (code, \
     name, accounting_code, folded_name) WHERE airlines.code = new.code";

/// Runs one of these for many rows.
async fn write(connection: &mut AsyncPgConnection, statement: &str, rows: &[Airline]) -> QueryResult<usize> {
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(column(rows, |row| row.code.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.name.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.accounting_code.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| fold(&row.name)))
        .execute(connection)
        .await
}

impl ReferenceTable for Airline {
    type Key = AirlineCode;

    fn key(&self) -> AirlineCode {
        self.code.clone()
    }

    async fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&AirlineCode>,
        limit: i64,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let mut query = airlines::table.order(airlines::code).limit(limit).into_boxed();
        if let Some(text) = search {
            let SearchPatterns { key, name, .. } = SearchPatterns::new(text);
            query = query.filter(airlines::code.like(key).or(airlines::folded_name.like(name)));
        }
        if let Some(after) = after {
            query = query.filter(airlines::code.gt(after.as_str()));
        }
        query.load::<AirlineRow>(connection).await?.into_iter().map(read).collect()
    }

    async fn find(
        connection: &mut AsyncPgConnection,
        key: &AirlineCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<AirlineRow> =
            airlines::table.find(key.as_str()).first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn lock(
        connection: &mut AsyncPgConnection,
        key: &AirlineCode,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<AirlineRow> =
            airlines::table.find(key.as_str()).for_update().first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn find_many(
        connection: &mut AsyncPgConnection,
        keys: &[AirlineCode],
        lock: RowLock,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let keys = column(keys, |key| key.as_str());
        let query = airlines::table.filter(airlines::code.eq_any(keys)).order(airlines::code);
        let rows: Vec<AirlineRow> = match lock {
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
        diesel::update(airlines::table.find(row.code.as_str()))
            .set((
                airlines::name.eq(row.name.as_str()),
                airlines::folded_name.eq(fold(&row.name)),
                airlines::accounting_code.eq(row.accounting_code.as_str()),
                airlines::version.eq(airlines::version + 1),
            ))
            .returning(airlines::version)
            .get_result(connection)
            .await
    }

    async fn referrers(
        connection: &mut AsyncPgConnection,
        key: &AirlineCode,
        limit: i64,
    ) -> QueryResult<Vec<String>> {
        let query = "SELECT 'airplanes/' || registration AS resource FROM airplanes WHERE airline = $1 \
             UNION ALL SELECT 'flights/' || id AS resource FROM flights WHERE airline = $1 \
             UNION ALL SELECT 'schedules/' || id FROM schedules WHERE airline = $1";
        find_referrers(connection, query, key.as_str(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &AirlineCode) -> QueryResult<bool> {
        Ok(diesel::delete(airlines::table.find(key.as_str())).execute(connection).await? == 1)
    }
}
