//! Which schedules flights were generated from: the table `scheduled_flights`.

use super::{parts::FlightRow, parts::assemble};
use crate::{
    domain::schedule_generation::ExistingFlight,
    store::{
        column,
        schema::{flights, scheduled_flights},
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Date, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    iata::{AirportCode, FlightNumber},
    ids::{FlightId, ScheduleId},
};
use uuid::Uuid;

/// The schedule that a flight was generated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleLink {
    /// The flight.
    pub flight: FlightId,
    /// The schedule.
    pub schedule: ScheduleId,
    /// What the schedule made of the flight, see [`plan_mark`](crate::domain::schedule::plan_mark).
    pub mark: i64,
}

#[derive(QueryableByName)]
struct FlightKey {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The flights under these numbers, from these origins, planned for these local dates; locked until the transaction ends,
/// by id.
///
/// # Errors
/// Those of the database.
pub async fn lock_by_number(
    connection: &mut AsyncPgConnection,
    keys: &[(&FlightNumber, &AirportCode, NaiveDate)],
) -> QueryResult<Vec<ExistingFlight>> {
    let found: Vec<FlightKey> = diesel::sql_query(
        "SELECT flights.id FROM unnest($1, $2, $3) AS wanted (flight_number, origin, departure_date) \
         JOIN flights USING (flight_number, origin, departure_date) ORDER BY flights.id FOR UPDATE OF flights",
    )
    .bind::<Array<Text>, _>(column(keys, |(number, ..)| number.as_str()))
    .bind::<Array<Text>, _>(column(keys, |(_, origin, _)| origin.as_str()))
    .bind::<Array<Date>, _>(column(keys, |(.., date)| *date))
    .get_results(connection)
    .await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = found.into_iter().map(|key| key.id).collect();
    let rows = flights::table
        .left_join(scheduled_flights::table)
        .filter(flights::id.eq_any(ids))
        .order(flights::id)
        .select((FlightRow::as_select(), flights::departure_date, Option::<LinkRow>::as_select()))
        .load(connection)
        .await?;
    existing(connection, rows).await
}

/// The flights that were generated from a schedule, have not left and are not cancelled, by date.
///
/// # Errors
/// Those of the database.
pub async fn of_schedule(
    connection: &mut AsyncPgConnection,
    schedule: ScheduleId,
    now: DateTime<Utc>,
) -> QueryResult<Vec<ExistingFlight>> {
    let rows = flights::table
        .left_join(scheduled_flights::table)
        .filter(scheduled_flights::schedule_id.eq(schedule.0))
        .filter(flights::departs_at.gt(now).and(flights::status.ne("cancelled")))
        .order((flights::departure_date, flights::id))
        .select((FlightRow::as_select(), flights::departure_date, Option::<LinkRow>::as_select()))
        .load(connection)
        .await?;
    existing(connection, rows).await
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = scheduled_flights)]
struct LinkRow {
    schedule_id: Uuid,
    mark: i64,
}

async fn existing(
    connection: &mut AsyncPgConnection,
    rows: Vec<(FlightRow, NaiveDate, Option<LinkRow>)>,
) -> QueryResult<Vec<ExistingFlight>> {
    let (rows, links): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|(flight, date, link)| (flight, (date, link))).unzip();
    let flights = assemble(connection, rows).await?;
    let existing = flights.into_iter().zip(links).map(|(flight, (date, link))| ExistingFlight {
        flight,
        date,
        schedule: link.as_ref().map(|link| ScheduleId(link.schedule_id)),
        mark: link.map(|link| link.mark),
    });
    Ok(existing.collect())
}

/// Notes which schedules flights follow now. That is no change of the flights, so nothing is told.
///
/// # Errors
/// Those of the database.
pub async fn link(connection: &mut AsyncPgConnection, links: &[ScheduleLink]) -> QueryResult<()> {
    if links.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO scheduled_flights (flight_id, schedule_id, mark) SELECT * FROM unnest($1, $2, $3) \
         ON CONFLICT (flight_id) DO UPDATE SET schedule_id = excluded.schedule_id, mark = excluded.mark",
    )
    .bind::<Array<SqlUuid>, _>(column(links, |link| link.flight.0))
    .bind::<Array<SqlUuid>, _>(column(links, |link| link.schedule.0))
    .bind::<Array<BigInt>, _>(column(links, |link| link.mark))
    .execute(connection)
    .await
    .map(drop)
}
