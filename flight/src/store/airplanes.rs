//! Airplanes of the fleet.

use super::{ReferenceTable, RowLock, SearchPatterns, column, find_referrers, parsed, schema::airplanes};
use crate::domain::reference::{Airplane, Versioned};
use diesel::{
    prelude::*,
    sql_types::{Array, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{iata::Registration, ids::SeatLayoutId};
use uuid::Uuid;

type AirplaneRow = (String, String, String, Uuid, i64);

fn read(row: AirplaneRow) -> QueryResult<Versioned<Airplane>> {
    let (registration, airline, aircraft_type, seat_layout_id, version) = row;
    let value = Airplane {
        registration: parsed(&registration)?,
        airline: parsed(&airline)?,
        aircraft_type: parsed(&aircraft_type)?,
        seat_layout_id: SeatLayoutId(seat_layout_id),
    };
    Ok(Versioned { value, version })
}

const INSERT: &str = "INSERT INTO airplanes (registration, airline, aircraft_type, seat_layout_id) SELECT * FROM \
     unnest($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE airplanes SET version = airplanes.version + 1, airline = new.airline, aircraft_type = \
     new.aircraft_type, seat_layout_id = new.seat_layout_id FROM unnest($1, $2, $3, $4) AS new \
     (registration, airline, aircraft_type, seat_layout_id) WHERE airplanes.registration = \
     new.registration";

/// Runs one of these for many rows.
async fn write(connection: &mut AsyncPgConnection, statement: &str, rows: &[Airplane]) -> QueryResult<usize> {
    diesel::sql_query(statement)
        .bind::<Array<Text>, _>(column(rows, |row| row.registration.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.airline.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.aircraft_type.as_str()))
        .bind::<Array<SqlUuid>, _>(column(rows, |row| row.seat_layout_id.0))
        .execute(connection)
        .await
}

impl ReferenceTable for Airplane {
    type Key = Registration;

    fn key(&self) -> Registration {
        self.registration.clone()
    }

    async fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&Registration>,
        limit: i64,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let mut query = airplanes::table.order(airplanes::registration).limit(limit).into_boxed();
        if let Some(text) = search {
            let SearchPatterns { key, .. } = SearchPatterns::new(text);
            query = query.filter(airplanes::registration.like(key));
        }
        if let Some(after) = after {
            query = query.filter(airplanes::registration.gt(after.as_str()));
        }
        query.load::<AirplaneRow>(connection).await?.into_iter().map(read).collect()
    }

    async fn find(
        connection: &mut AsyncPgConnection,
        key: &Registration,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<AirplaneRow> =
            airplanes::table.find(key.as_str()).first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn lock(
        connection: &mut AsyncPgConnection,
        key: &Registration,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<AirplaneRow> =
            airplanes::table.find(key.as_str()).for_update().first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn find_many(
        connection: &mut AsyncPgConnection,
        keys: &[Registration],
        lock: RowLock,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let keys = column(keys, |key| key.as_str());
        let query =
            airplanes::table.filter(airplanes::registration.eq_any(keys)).order(airplanes::registration);
        let rows: Vec<AirplaneRow> = match lock {
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
        diesel::update(airplanes::table.find(row.registration.as_str()))
            .set((
                airplanes::airline.eq(row.airline.as_str()),
                airplanes::aircraft_type.eq(row.aircraft_type.as_str()),
                airplanes::seat_layout_id.eq(row.seat_layout_id.0),
                airplanes::version.eq(airplanes::version + 1),
            ))
            .returning(airplanes::version)
            .get_result(connection)
            .await
    }

    async fn referrers(
        connection: &mut AsyncPgConnection,
        key: &Registration,
        limit: i64,
    ) -> QueryResult<Vec<String>> {
        let query = "SELECT 'flights/' || id AS resource FROM flights WHERE airplane = $1 \
             UNION ALL SELECT 'schedules/' || id FROM schedules WHERE airplane = $1";
        find_referrers(connection, query, key.as_str(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &Registration) -> QueryResult<bool> {
        Ok(diesel::delete(airplanes::table.find(key.as_str())).execute(connection).await? == 1)
    }
}
