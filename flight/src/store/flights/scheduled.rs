//! Which schedules flights were generated from, and for which dates: the tables `scheduled_flights` and `removed_dates`.

use super::{parts::FlightRow, parts::assemble};
use crate::{
    domain::schedule_generation::{ExistingFlight, FormerFlight},
    store::{
        column,
        schema::{flights, removed_dates, scheduled_flights},
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
use std::collections::HashMap;
use uuid::Uuid;

/// The schedule that a flight was generated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleLink {
    /// The flight.
    pub flight: FlightId,
    /// The schedule.
    pub schedule: ScheduleId,
    /// The date of the schedule that it was made for.
    pub date: NaiveDate,
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
    scheduled_date: NaiveDate,
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
        scheduled_date: link.as_ref().map(|link| link.scheduled_date),
        mark: link.map(|link| link.mark),
    });
    Ok(existing.collect())
}

/// Notes which schedules flights follow now. That is no change of the flights, so nothing is told. A flight that follows its schedule
/// already stays that of its date, where staff have moved it to another.
///
/// # Errors
/// Those of the database.
pub async fn link(connection: &mut AsyncPgConnection, links: &[ScheduleLink]) -> QueryResult<()> {
    if links.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO scheduled_flights AS known (flight_id, schedule_id, mark, scheduled_date) \
         SELECT * FROM unnest($1, $2, $3, $4) \
         ON CONFLICT (flight_id) DO UPDATE SET schedule_id = excluded.schedule_id, mark = excluded.mark, \
             scheduled_date = CASE WHEN known.schedule_id = excluded.schedule_id THEN known.scheduled_date \
                                   ELSE excluded.scheduled_date END",
    )
    .bind::<Array<SqlUuid>, _>(column(links, |link| link.flight.0))
    .bind::<Array<SqlUuid>, _>(column(links, |link| link.schedule.0))
    .bind::<Array<BigInt>, _>(column(links, |link| link.mark))
    .bind::<Array<Date>, _>(column(links, |link| link.date))
    .execute(connection)
    .await
    .map(drop)
}

/// A date of a schedule.
pub type ScheduledDate = (ScheduleId, NaiveDate);

/// What has become of the flights that were made for these dates, of those dates that had one.
///
/// # Errors
/// Those of the database.
pub async fn former(
    connection: &mut AsyncPgConnection,
    dates: &[ScheduledDate],
) -> QueryResult<HashMap<ScheduledDate, FormerFlight>> {
    if dates.is_empty() {
        return Ok(HashMap::new());
    }
    let schedules = column(dates, |(schedule, _)| schedule.0);
    let days = column(dates, |(_, date)| *date);
    let removed: Vec<(Uuid, NaiveDate)> = removed_dates::table
        .filter(
            removed_dates::schedule_id.eq_any(&schedules).and(removed_dates::scheduled_date.eq_any(&days)),
        )
        .load(connection)
        .await?;
    let there: Vec<(Uuid, NaiveDate, Uuid)> = scheduled_flights::table
        .filter(scheduled_flights::schedule_id.eq_any(&schedules))
        .filter(scheduled_flights::scheduled_date.eq_any(&days))
        .select((
            scheduled_flights::schedule_id,
            scheduled_flights::scheduled_date,
            scheduled_flights::flight_id,
        ))
        .load(connection)
        .await?;
    let removed =
        removed.into_iter().map(|(schedule, date)| ((ScheduleId(schedule), date), FormerFlight::Removed));
    let there = there.into_iter().map(|(schedule, date, flight)| {
        ((ScheduleId(schedule), date), FormerFlight::There(FlightId(flight)))
    });
    Ok(removed.chain(there).collect())
}

/// Notes that the date of a flight that is to be deleted has none any more, where a schedule made it and still operates on
/// that date. Outside of the season a deletion says nothing against a flight of a later season.
///
/// # Errors
/// Those of the database.
pub(super) async fn note_removed(connection: &mut AsyncPgConnection, flight: FlightId) -> QueryResult<()> {
    // The schedule may be deleted at the same time. Of its days Monday is the lowest bit.
    diesel::sql_query(
        "INSERT INTO removed_dates (schedule_id, scheduled_date) \
         SELECT schedules.id, scheduled_date \
         FROM scheduled_flights JOIN schedules ON schedules.id = schedule_id \
         WHERE flight_id = $1 AND scheduled_date BETWEEN effective_from AND effective_to \
               AND days_of_operation >> (extract(isodow FROM scheduled_date)::integer - 1) & 1 = 1 \
         FOR KEY SHARE OF schedules \
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(flight.0)
    .execute(connection)
    .await
    .map(drop)
}

/// Forgets which dates of a schedule have lost their flight, so that it makes them again.
///
/// # Errors
/// Those of the database.
pub async fn forget_removed(connection: &mut AsyncPgConnection, schedule: ScheduleId) -> QueryResult<()> {
    let of_schedule = removed_dates::table.filter(removed_dates::schedule_id.eq(schedule.0));
    diesel::delete(of_schedule).execute(connection).await.map(drop)
}
