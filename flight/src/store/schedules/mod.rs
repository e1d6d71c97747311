//! Season schedules: the table, and how their flights are generated.

mod chunk;
mod generation;
mod orphans;
mod turn;
mod warnings;

pub use chunk::{ChunkResult, first_date, next_chunk};
pub use generation::{GeneratedFlights, Zones, carry_out, generate, route_zones, zones};
pub use orphans::{note_whole, orphans};
pub use turn::try_turn;
pub use warnings::warnings;

use super::{column, parsed, schema::schedules};
use crate::domain::{
    schedule::{OperatingDays, Schedule, TimeOfDay},
    schedule_generation::ScheduleConflict,
};
use chrono::NaiveDate;
use diesel::{
    pg::Pg,
    prelude::*,
    result::Error,
    sql_types::{Array, Date, Jsonb, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use shared::{
    iata::{AirportCode, FlightNumber, Registration},
    ids::ScheduleId,
};
use uuid::Uuid;

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// Grows with each change of the schedule, not with generation.
    pub version: i64,
    /// The last date that was looked at since the last change.
    pub generated_until: Option<NaiveDate>,
    /// Dates that have not the flight that the schedule says.
    pub conflicts: Vec<ScheduleConflict>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = schedules)]
struct ScheduleRow {
    id: Uuid,
    version: i64,
    flight_number: String,
    origin: String,
    destination: String,
    effective_from: NaiveDate,
    effective_to: NaiveDate,
    days_of_operation: i16,
    departure_time: i16,
    arrival_time: i16,
    arrival_day_offset: i16,
    airplane: String,
    fares: Value,
    generated_until: Option<NaiveDate>,
    conflicts: Value,
}

/// A number that the checks of the table allow.
fn within<T>(value: Option<T>) -> QueryResult<T> {
    value.ok_or_else(|| Error::DeserializationError("a number is out of range".into()))
}

fn from_json<T: DeserializeOwned>(value: Value) -> QueryResult<T> {
    T::deserialize(value).map_err(|error| Error::DeserializationError(Box::new(error)))
}

fn to_json<T: Serialize>(value: &T) -> QueryResult<Value> {
    serde_json::to_value(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

fn read(row: ScheduleRow) -> QueryResult<StoredSchedule> {
    let schedule = Schedule {
        id: row.id.into(),
        flight_number: parsed(&row.flight_number)?,
        origin: parsed(&row.origin)?,
        destination: parsed(&row.destination)?,
        effective_from: row.effective_from,
        effective_to: row.effective_to,
        days_of_operation: within(
            u8::try_from(row.days_of_operation).ok().and_then(OperatingDays::from_bits),
        )?,
        departure_time: within(TimeOfDay::from_minutes(row.departure_time))?,
        arrival_time: within(TimeOfDay::from_minutes(row.arrival_time))?,
        arrival_day_offset: within(i8::try_from(row.arrival_day_offset).ok())?,
        airplane: parsed(&row.airplane)?,
        fares: from_json(row.fares)?,
    };
    let conflicts = from_json(row.conflicts)?;
    Ok(StoredSchedule { schedule, version: row.version, generated_until: row.generated_until, conflicts })
}

/// Which schedules are wanted; what is absent is not asked about.
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

/// Writes a changed schedule: all of its dates are to be generated anew. Its number and route stay.
///
/// # Errors
/// Those of the database; `NotFound` where it is gone.
pub async fn update(connection: &mut AsyncPgConnection, schedule: &Schedule) -> QueryResult<StoredSchedule> {
    let row: ScheduleRow = diesel::update(schedules::table.find(schedule.id.0))
        .set((
            schedules::version.eq(schedules::version + 1),
            schedules::effective_from.eq(schedule.effective_from),
            schedules::effective_to.eq(schedule.effective_to),
            schedules::days_of_operation.eq(i16::from(schedule.days_of_operation.bits())),
            schedules::departure_time.eq(schedule.departure_time.minutes()),
            schedules::arrival_time.eq(schedule.arrival_time.minutes()),
            schedules::arrival_day_offset.eq(i16::from(schedule.arrival_day_offset)),
            schedules::airplane.eq(schedule.airplane.as_str()),
            schedules::fares.eq(to_json(&schedule.fares)?),
            schedules::generated_until.eq(None::<NaiveDate>),
            schedules::conflicts.eq(Value::Array(Vec::new())),
        ))
        .returning(ScheduleRow::as_returning())
        .get_result(connection)
        .await?;
    read(row)
}

/// Notes how far a schedule is generated, and what is in conflict.
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
