//! Seat layouts. The geometry is one JSON document: it is read and written as a whole.

use super::{
    ReferenceTable, RowLock, SearchPatterns, column, find_referrers, parsed,
    schema::{airplanes, flights, seat_layouts},
};
use crate::domain::{
    folding::fold,
    reference::{SeatLayout, Versioned},
};
use diesel::{
    dsl::{exists, max},
    prelude::*,
    sql_types::{Array, BigInt, Jsonb, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Deserialize;
use serde_json::Value;
use shared::{ids::SeatLayoutId, seat::SeatPlan};
use uuid::Uuid;

type SeatLayoutRow = (Uuid, String, String, Value, i64, String);

fn read(row: SeatLayoutRow) -> QueryResult<Versioned<SeatLayout>> {
    let (id, name, aircraft_type, plan, version, _folded_name) = row;
    let value = SeatLayout {
        id: SeatLayoutId(id),
        name,
        version,
        aircraft_type: parsed(&aircraft_type)?,
        plan: read_plan(plan)?,
    };
    Ok(Versioned { value, version })
}

/// Reads a stored plan.
pub(crate) fn read_plan(plan: Value) -> QueryResult<SeatPlan> {
    SeatPlan::deserialize(plan).map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))
}

/// A plan as it is stored.
fn stored_plan(plan: &SeatPlan) -> Value {
    // Plain data, which always serialises.
    serde_json::to_value(plan).unwrap_or(Value::Null)
}

const INSERT: &str = "INSERT INTO seat_layouts (id, name, aircraft_type, plan, version, folded_name) SELECT * FROM \
     unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE seat_layouts SET version = seat_layouts.version + 1, name = new.name, aircraft_type = \
     new.aircraft_type, plan = new.plan, folded_name = new.folded_name FROM unnest($1, $2, $3, \
     $4, $5, $6) AS new (id, name, aircraft_type, plan, version, folded_name) WHERE \
     seat_layouts.id = new.id";

/// Runs one of these for many rows.
async fn write(
    connection: &mut AsyncPgConnection,
    statement: &str,
    rows: &[SeatLayout],
) -> QueryResult<usize> {
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(column(rows, |row| row.id.0))
        .bind::<Array<Text>, _>(column(rows, |row| row.name.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.aircraft_type.as_str()))
        .bind::<Array<Jsonb>, _>(column(rows, |row| stored_plan(&row.plan)))
        .bind::<Array<BigInt>, _>(column(rows, |row| row.version))
        .bind::<Array<Text>, _>(column(rows, |row| fold(&row.name)))
        .execute(connection)
        .await
}

impl ReferenceTable for SeatLayout {
    type Key = SeatLayoutId;

    fn key(&self) -> SeatLayoutId {
        self.id
    }

    async fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&SeatLayoutId>,
        limit: i64,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let mut query = seat_layouts::table.order(seat_layouts::id).limit(limit).into_boxed();
        if let Some(text) = search {
            let SearchPatterns { name, .. } = SearchPatterns::new(text);
            query = query.filter(seat_layouts::folded_name.like(name));
        }
        if let Some(after) = after {
            query = query.filter(seat_layouts::id.gt(after.0));
        }
        query.load::<SeatLayoutRow>(connection).await?.into_iter().map(read).collect()
    }

    async fn find(
        connection: &mut AsyncPgConnection,
        key: &SeatLayoutId,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<SeatLayoutRow> =
            seat_layouts::table.find(key.0).first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn lock(
        connection: &mut AsyncPgConnection,
        key: &SeatLayoutId,
    ) -> QueryResult<Option<Versioned<Self>>> {
        let row: Option<SeatLayoutRow> =
            seat_layouts::table.find(key.0).for_update().first(connection).await.optional()?;
        row.map(read).transpose()
    }

    async fn find_many(
        connection: &mut AsyncPgConnection,
        keys: &[SeatLayoutId],
        lock: RowLock,
    ) -> QueryResult<Vec<Versioned<Self>>> {
        let keys = column(keys, |key| key.0);
        let query = seat_layouts::table.filter(seat_layouts::id.eq_any(keys)).order(seat_layouts::id);
        let rows: Vec<SeatLayoutRow> = match lock {
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
        diesel::update(seat_layouts::table.find(row.id.0))
            .set((
                seat_layouts::name.eq(row.name.as_str()),
                seat_layouts::folded_name.eq(fold(&row.name)),
                seat_layouts::aircraft_type.eq(row.aircraft_type.as_str()),
                seat_layouts::plan.eq(stored_plan(&row.plan)),
                seat_layouts::version.eq(seat_layouts::version + 1),
            ))
            .returning(seat_layouts::version)
            .get_result(connection)
            .await
    }

    async fn referrers(
        connection: &mut AsyncPgConnection,
        key: &SeatLayoutId,
        limit: i64,
    ) -> QueryResult<Vec<String>> {
        let query = "SELECT 'airplanes/' || registration AS resource FROM airplanes WHERE seat_layout_id = $1::uuid \
             UNION ALL SELECT 'flights/' || id AS resource FROM flights WHERE seat_layout_id = $1::uuid";
        find_referrers(connection, query, &key.to_string(), limit).await
    }

    async fn delete(connection: &mut AsyncPgConnection, key: &SeatLayoutId) -> QueryResult<bool> {
        Ok(diesel::delete(seat_layouts::table.find(key.0)).execute(connection).await? == 1)
    }
}

/// The collection whose members use a layout, if any.
///
/// # Errors
/// Those of the database.
pub async fn user(
    connection: &mut AsyncPgConnection,
    layout: SeatLayoutId,
) -> QueryResult<Option<&'static str>> {
    let of_airplanes = airplanes::table.filter(airplanes::seat_layout_id.eq(layout.0));
    let of_flights = flights::table.filter(flights::seat_layout_id.eq(layout.0));
    let (airplanes, flights) =
        diesel::select((exists(of_airplanes), exists(of_flights))).get_result(connection).await?;
    Ok(match (airplanes, flights) {
        (true, _) => Some("airplanes"),
        (false, true) => Some("flights"),
        (false, false) => None,
    })
}

/// The version after all those that layouts of a name have.
///
/// # Errors
/// Those of the database.
pub async fn next_version(connection: &mut AsyncPgConnection, name: &str) -> QueryResult<i64> {
    let last: Option<i64> = seat_layouts::table
        .filter(seat_layouts::name.eq(name))
        .select(max(seat_layouts::version))
        .first(connection)
        .await?;
    Ok(last.unwrap_or(0) + 1)
}
