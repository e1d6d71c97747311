//! The queries of the table `dead_letters`.

use crate::outbox::schema::dead_letters;
use chrono::{DateTime, Utc};
use diesel::{dsl::now, prelude::*, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// Beyond this dead letters are not counted exactly: counting would cost more than it tells.
const COUNTED: i64 = 10_000;

/// A message that was given up.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dead_letters)]
pub(super) struct DeadLetterRow {
    pub(super) id: Uuid,
    pub(super) queue: String,
    pub(super) event_id: Option<Uuid>,
    pub(super) payload: Vec<u8>,
    pub(super) reason: String,
    pub(super) attempts: i32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) replayed_at: Option<DateTime<Utc>>,
}

/// A dead letter, locked until the transaction ends: of two replays one waits for the other.
pub(super) async fn lock(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<DeadLetterRow>> {
    let found = dead_letters::table.find(id).select(DeadLetterRow::as_select()).for_update();
    found.first(connection).await.optional()
}

/// A dead letter.
pub(super) async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<DeadLetterRow>> {
    dead_letters::table.find(id).select(DeadLetterRow::as_select()).first(connection).await.optional()
}

/// Dead letters, newest first, older than `before`.
pub(super) async fn list(
    connection: &mut AsyncPgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> QueryResult<Vec<DeadLetterRow>> {
    let mut query = dead_letters::table
        .select(DeadLetterRow::as_select())
        .order(dead_letters::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(dead_letters::id.lt(before));
    }
    query.load(connection).await
}

/// Notes that a dead letter was replayed with success.
pub(super) async fn mark_replayed(
    connection: &mut AsyncPgConnection,
    id: Uuid,
) -> QueryResult<DeadLetterRow> {
    diesel::update(dead_letters::table.find(id))
        .set(dead_letters::replayed_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .returning(DeadLetterRow::as_returning())
        .get_result(connection)
        .await
}

/// How many dead letters nobody has replayed, counted up to 10,000.
pub(crate) async fn count_waiting(connection: &mut AsyncPgConnection) -> QueryResult<i64> {
    let waiting = dead_letters::table
        .filter(dead_letters::replayed_at.is_null())
        .select(dead_letters::id)
        .limit(COUNTED)
        .load::<Uuid>(connection)
        .await?;
    Ok(i64::try_from(waiting.len()).unwrap_or(COUNTED))
}
