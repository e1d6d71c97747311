//! Airplanes of the fleet.

use super::{ReferenceTable, SearchPatterns, column, find_referrers, parsed, schema::airplanes};
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

    async fn insert(connection: &mut AsyncPgConnection, rows: &[Self]) -> QueryResult<usize> {
        diesel::sql_query(
            "INSERT INTO airplanes (registration, airline, aircraft_type, seat_layout_id) \
             SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind::<Array<Text>, _>(column(rows, |row| row.registration.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.airline.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.aircraft_type.as_str()))
        .bind::<Array<SqlUuid>, _>(column(rows, |row| row.seat_layout_id.0))
        .execute(connection)
        .await
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
        let query = "SELECT 'flights/' || id AS resource FROM flights WHERE airplane = $1";
        find_referrers(connection, query, key.as_str(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &Registration) -> QueryResult<bool> {
        Ok(diesel::delete(airplanes::table.find(key.as_str())).execute(connection).await? == 1)
    }
}
