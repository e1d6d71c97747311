//! What imports and exports of schedules read.

use super::row::{ScheduleRow, StoredSchedule, read};
use crate::store::{column, schema::schedules};
use diesel::{prelude::*, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{iata::FlightNumber, ids::ScheduleId};
use uuid::Uuid;

/// Waits until no other import of schedules runs; the turn lasts until the transaction ends. A file that is sent again
/// while its first import still runs must see the schedules of the first.
///
/// # Errors
/// Those of the database.
pub async fn wait_for_import_turn(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    // The number is arbitrary but fixed, and another one than that of the keepers.
    let turn = "SELECT pg_advisory_xact_lock(4720, hashtext(current_schema()))";
    sql_query(turn).execute(connection).await.map(drop)
}

/// Those of these schedules that there are, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn lock_many(
    connection: &mut AsyncPgConnection,
    ids: &[ScheduleId],
) -> QueryResult<Vec<StoredSchedule>> {
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::id.eq_any(column(ids, |id| id.0)))
        .order(schedules::id)
        .select(ScheduleRow::as_select())
        .for_no_key_update()
        .load(connection)
        .await?;
    rows.into_iter().map(read).collect()
}

/// All schedules of these flight numbers.
///
/// # Errors
/// Those of the database.
pub async fn of_numbers(
    connection: &mut AsyncPgConnection,
    numbers: &[&FlightNumber],
) -> QueryResult<Vec<StoredSchedule>> {
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::flight_number.eq_any(column(numbers, |number| number.as_str())))
        .order(schedules::id)
        .select(ScheduleRow::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(read).collect()
}

/// Up to `limit` schedules by id, from behind `after`.
///
/// # Errors
/// Those of the database.
pub async fn behind(
    connection: &mut AsyncPgConnection,
    after: Option<ScheduleId>,
    limit: i64,
) -> QueryResult<Vec<StoredSchedule>> {
    let after = after.map_or(Uuid::nil(), |id| id.0);
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::id.gt(after))
        .order(schedules::id)
        .limit(limit)
        .select(ScheduleRow::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(read).collect()
}
