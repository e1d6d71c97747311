//! Notes of acts that have booking withdraw a flight. A note is committed before booking is asked, and deleted in the
//! transaction of the act: so a note that is left says that the act was not committed, whatever became of its process.

use super::{column, flights, schema::withdrawals};
use crate::domain::flight::Flight;
use diesel::{pg::data_types::PgInterval, prelude::*, sql_types::Interval};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::FlightId;
use uuid::Uuid;

/// The id of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawalNote(Uuid);

/// Notes that booking will be asked to withdraw this flight. Not for use in the transaction of the act.
///
/// # Errors
/// Those of the database.
pub async fn note(connection: &mut AsyncPgConnection, flight: FlightId) -> QueryResult<WithdrawalNote> {
    let id = Uuid::now_v7();
    diesel::insert_into(withdrawals::table)
        .values((withdrawals::id.eq(id), withdrawals::flight_id.eq(flight.0)))
        .execute(connection)
        .await?;
    Ok(WithdrawalNote(id))
}

/// Deletes a note; gives whether it was there. The transaction of the act does so before it locks the flight: until its end
/// nobody else takes the note for one that is left.
///
/// # Errors
/// Those of the database.
pub async fn delete(
    connection: &mut AsyncPgConnection,
    WithdrawalNote(id): WithdrawalNote,
) -> QueryResult<bool> {
    Ok(diesel::delete(withdrawals::table.find(id)).execute(connection).await? == 1)
}

/// How old a note is at least that is left. An act asks booking between its note and its transaction, and a deletion of a
/// flight has no transaction meanwhile: both take two connections and an answer, 15 seconds at most.
const LEFT_AFTER: PgInterval = PgInterval { microseconds: 30_000_000, days: 0, months: 0 };

/// The notes that are left, by id, and `limit` at most. One whose act may still be under way is not among them.
///
/// # Errors
/// Those of the database.
pub async fn left(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<Vec<WithdrawalNote>> {
    let ids: Vec<Uuid> = withdrawals::table
        .filter((withdrawals::noted_at + LEFT_AFTER.into_sql::<Interval>()).le(diesel::dsl::now))
        .order(withdrawals::id)
        .limit(limit)
        .select(withdrawals::id)
        .for_update()
        .skip_locked()
        .load(connection)
        .await?;
    Ok(ids.into_iter().map(WithdrawalNote).collect())
}

/// The number of notes.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &mut AsyncPgConnection) -> QueryResult<i64> {
    withdrawals::table.count().get_result(connection).await
}

/// Has flights sold again after acts that were not committed: tells each anew in its next version, which booking takes for
/// open, and deletes the notes. Notes that are gone were those of committed acts. For use in a transaction.
///
/// # Errors
/// Those of the database.
pub async fn restore(
    connection: &mut AsyncPgConnection,
    notes: &[WithdrawalNote],
) -> QueryResult<Vec<Flight>> {
    let deleted: Vec<Uuid> = diesel::delete(withdrawals::table)
        .filter(withdrawals::id.eq_any(column(notes, |note| note.0)))
        .returning(withdrawals::flight_id)
        .get_results(connection)
        .await?;
    let flights: Vec<FlightId> = deleted.into_iter().map(FlightId).collect();
    flights::renew(connection, &flights).await
}
