//! Season schedules: the table, and how their flights are generated.

mod chunk;
mod generation;
mod import;
mod orphans;
mod row;
mod turn;
mod warnings;

pub use chunk::{ChunkResult, first_date, next_chunk};
pub use generation::{GeneratedFlights, Zones, carry_out, generate, route_zones, zones};
pub use import::{behind, lock_many, of_numbers, wait_for_import_turn};
pub use orphans::{note_whole, orphans};
pub use row::StoredSchedule;
pub use turn::try_turn;
pub use warnings::warnings;

use super::{column, schema::schedules};
use crate::domain::{schedule::Schedule, schedule_generation::ScheduleConflict};
use chrono::NaiveDate;
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, Date, Jsonb, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use row::{ScheduleRow, read, to_json};
use serde_json::Value;
use shared::{
    iata::{AirportCode, FlightNumber, Registration},
    ids::ScheduleId,
};
use uuid::Uuid;

/// A filter of schedules. An absent member matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ScheduleFilter {
    /// The beginning of their number.
    pub number_start: Option<String>,
    /// Their number.
    pub flight_number: Option<FlightNumber>,
    /// From where.
    pub origin: Option<AirportCode>,
    /// To where.
    pub destination: Option<AirportCode>,
    /// The airplane.
    pub airplane: Option<Registration>,
    /// A date of their season.
    pub date: Option<NaiveDate>,
}

/// A schedule's place in the list: number, first date, id.
pub type ScheduleKey = (String, NaiveDate, Uuid);

fn filtered<'a>(filter: &'a ScheduleFilter) -> schedules::BoxedQuery<'a, Pg> {
    let mut query = schedules::table.into_boxed();
    if let Some(start) = &filter.number_start {
        // Letters and digits alone, none of which means anything to `LIKE`.
        query = query.filter(schedules::flight_number.like(format!("{start}%")));
    }
    if let Some(number) = &filter.flight_number {
        query = query.filter(schedules::flight_number.eq(number.as_str()));
    }
    if let Some(origin) = &filter.origin {
        query = query.filter(schedules::origin.eq(origin.as_str()));
    }
    if let Some(destination) = &filter.destination {
        query = query.filter(schedules::destination.eq(destination.as_str()));
    }
    if let Some(airplane) = &filter.airplane {
        query = query.filter(schedules::airplane.eq(airplane.as_str()));
    }
    if let Some(date) = filter.date {
        query = query.filter(schedules::effective_from.le(date).and(schedules::effective_to.ge(date)));
    }
    query
}

/// Schedules by number, season and id, from behind `after`.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut AsyncPgConnection,
    filter: &ScheduleFilter,
    after: Option<&ScheduleKey>,
    limit: i64,
) -> QueryResult<Vec<StoredSchedule>> {
    let mut query = filtered(filter)
        .order((schedules::flight_number, schedules::effective_from, schedules::id))
        .limit(limit);
    if let Some((number, from, id)) = after {
        let later = schedules::flight_number.gt(number).or(schedules::flight_number.eq(number).and(
            schedules::effective_from
                .gt(from)
                .or(schedules::effective_from.eq(from).and(schedules::id.gt(id))),
        ));
        query = query.filter(later);
    }
    let rows: Vec<ScheduleRow> = query.select(ScheduleRow::as_select()).load(connection).await?;
    rows.into_iter().map(read).collect()
}

/// All schedules whose season has a date from `first` to `last`, in the order in which they were made.
///
/// # Errors
/// Those of the database.
pub async fn of_dates(
    connection: &mut AsyncPgConnection,
    first: NaiveDate,
    last: NaiveDate,
) -> QueryResult<Vec<StoredSchedule>> {
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::effective_from.le(last).and(schedules::effective_to.ge(first)))
        .order(schedules::id)
        .select(ScheduleRow::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(read).collect()
}

/// One schedule.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut AsyncPgConnection, id: ScheduleId) -> QueryResult<Option<StoredSchedule>> {
    let row: Option<ScheduleRow> =
        schedules::table.find(id.0).select(ScheduleRow::as_select()).first(connection).await.optional()?;
    row.map(read).transpose()
}

/// One schedule, locked until the transaction ends. It is the first row that a writer of its flights locks.
///
/// # Errors
/// Those of the database.
pub async fn lock(connection: &mut AsyncPgConnection, id: ScheduleId) -> QueryResult<Option<StoredSchedule>> {
    let query = schedules::table.find(id.0).select(ScheduleRow::as_select()).for_no_key_update();
    let row: Option<ScheduleRow> = query.first(connection).await.optional()?;
    row.map(read).transpose()
}

/// The same where nobody else has it locked.
///
/// # Errors
/// Those of the database.
pub async fn lock_if_free(
    connection: &mut AsyncPgConnection,
    id: ScheduleId,
) -> QueryResult<Option<StoredSchedule>> {
    let query =
        schedules::table.find(id.0).select(ScheduleRow::as_select()).for_no_key_update().skip_locked();
    let row: Option<ScheduleRow> = query.first(connection).await.optional()?;
    row.map(read).transpose()
}

/// The ids of schedules that have dates up to `horizon` to be generated, or dates in conflict to be tried again; by id,
/// from behind `after`. Seasons that ended before `today` are over.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &mut AsyncPgConnection,
    (today, horizon): (NaiveDate, NaiveDate),
    after: Option<ScheduleId>,
    limit: i64,
) -> QueryResult<Vec<ScheduleId>> {
    let behind = schedules::generated_until.is_null().or(schedules::generated_until
        .lt(horizon)
        .and(schedules::generated_until.lt(schedules::effective_to.nullable())));
    let mut query = schedules::table
        .filter(schedules::effective_to.ge(today).and(schedules::effective_from.le(horizon)))
        .filter(behind.or(schedules::conflicts.ne(Value::Array(Vec::new()))))
        .order(schedules::id)
        .limit(limit)
        .select(schedules::id)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(schedules::id.gt(after.0));
    }
    let ids: Vec<Uuid> = query.load(connection).await?;
    Ok(ids.into_iter().map(ScheduleId).collect())
}

/// Inserts schedules, in one statement.
///
/// # Errors
/// Those of the database, an unknown airport, airline or airplane among them.
pub async fn insert(connection: &mut AsyncPgConnection, new: &[Schedule]) -> QueryResult<()> {
    let fares = new.iter().map(|schedule| to_json(&schedule.fares)).collect::<QueryResult<Vec<Value>>>()?;
    diesel::sql_query(
        "INSERT INTO schedules (id, flight_number, airline, origin, destination, effective_from, effective_to, \
                                days_of_operation, departure_time, arrival_time, arrival_day_offset, airplane, fares) \
         SELECT id, flight_number, left(flight_number, 2), origin, destination, effective_from, effective_to, \
                days_of_operation, departure_time, arrival_time, arrival_day_offset, airplane, fares \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS new \
              (id, flight_number, origin, destination, effective_from, effective_to, days_of_operation, departure_time, \
               arrival_time, arrival_day_offset, airplane, fares)",
    )
    .bind::<Array<SqlUuid>, _>(column(new, |schedule| schedule.id.0))
    .bind::<Array<Text>, _>(column(new, |schedule| schedule.flight_number.as_str()))
    .bind::<Array<Text>, _>(column(new, |schedule| schedule.origin.as_str()))
    .bind::<Array<Text>, _>(column(new, |schedule| schedule.destination.as_str()))
    .bind::<Array<Date>, _>(column(new, |schedule| schedule.effective_from))
    .bind::<Array<Date>, _>(column(new, |schedule| schedule.effective_to))
    .bind::<Array<SmallInt>, _>(column(new, |schedule| i16::from(schedule.days_of_operation.bits())))
    .bind::<Array<SmallInt>, _>(column(new, |schedule| schedule.departure_time.minutes()))
    .bind::<Array<SmallInt>, _>(column(new, |schedule| schedule.arrival_time.minutes()))
    .bind::<Array<SmallInt>, _>(column(new, |schedule| i16::from(schedule.arrival_day_offset)))
    .bind::<Array<Text>, _>(column(new, |schedule| schedule.airplane.as_str()))
    .bind::<Array<Jsonb>, _>(fares)
    .execute(connection)
    .await
    .map(drop)
}

/// Writes changed schedules, in one statement: all of their dates are to be generated anew. Numbers and routes stay. The rows
/// must be locked.
///
/// # Errors
/// Those of the database, an unknown airplane among them.
pub async fn update(connection: &mut AsyncPgConnection, changed: &[Schedule]) -> QueryResult<()> {
    let fares =
        changed.iter().map(|schedule| to_json(&schedule.fares)).collect::<QueryResult<Vec<Value>>>()?;
    diesel::sql_query(
        "UPDATE schedules SET version = schedules.version + 1, effective_from = new.effective_from, \
                effective_to = new.effective_to, days_of_operation = new.days_of_operation, \
                departure_time = new.departure_time, arrival_time = new.arrival_time, \
                arrival_day_offset = new.arrival_day_offset, airplane = new.airplane, fares = new.fares, \
                generated_until = NULL, conflicts = '[]' \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS new \
              (id, effective_from, effective_to, days_of_operation, departure_time, arrival_time, arrival_day_offset, \
               airplane, fares) \
         WHERE schedules.id = new.id",
    )
    .bind::<Array<SqlUuid>, _>(column(changed, |schedule| schedule.id.0))
    .bind::<Array<Date>, _>(column(changed, |schedule| schedule.effective_from))
    .bind::<Array<Date>, _>(column(changed, |schedule| schedule.effective_to))
    .bind::<Array<SmallInt>, _>(column(changed, |schedule| i16::from(schedule.days_of_operation.bits())))
    .bind::<Array<SmallInt>, _>(column(changed, |schedule| schedule.departure_time.minutes()))
    .bind::<Array<SmallInt>, _>(column(changed, |schedule| schedule.arrival_time.minutes()))
    .bind::<Array<SmallInt>, _>(column(changed, |schedule| i16::from(schedule.arrival_day_offset)))
    .bind::<Array<Text>, _>(column(changed, |schedule| schedule.airplane.as_str()))
    .bind::<Array<Jsonb>, _>(fares)
    .execute(connection)
    .await
    .map(drop)
}

/// Notes how far schedules are generated, and their conflicts.
///
/// # Errors
/// Those of the database.
pub async fn note_generated(
    connection: &mut AsyncPgConnection,
    schedules: &[ScheduleId],
    until: NaiveDate,
    conflicts: &[ScheduleConflict],
) -> QueryResult<()> {
    let ids: Vec<Uuid> = schedules.iter().map(|id| id.0).collect();
    diesel::update(schedules::table.filter(schedules::id.eq_any(ids)))
        .set((schedules::generated_until.eq(until), schedules::conflicts.eq(to_json(&conflicts)?)))
        .execute(connection)
        .await
        .map(drop)
}

/// Notes that the dates from `first` to `last` are generated, of these new schedules and of all that were generated up to the
/// day before `first`.
///
/// # Errors
/// Those of the database.
pub async fn note_dates(
    connection: &mut AsyncPgConnection,
    new: &[ScheduleId],
    (first, last): (NaiveDate, NaiveDate),
) -> QueryResult<()> {
    let before = first.pred_opt().unwrap_or(first);
    let new: Vec<Uuid> = new.iter().map(|id| id.0).collect();
    let known = schedules::id.eq_any(new).nullable().or(schedules::generated_until.ge(before));
    let season = schedules::effective_from.le(last).and(schedules::effective_to.ge(first));
    diesel::update(schedules::table.filter(season).filter(known))
        .set(schedules::generated_until.eq(last))
        .execute(connection)
        .await
        .map(drop)
}

/// Deletes a schedule; its flights stay, as flights of their own.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut AsyncPgConnection, id: ScheduleId) -> QueryResult<()> {
    diesel::delete(schedules::table.find(id.0)).execute(connection).await.map(drop)
}
