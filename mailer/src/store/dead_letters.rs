//! Messages off the bus that were given up. The bus writes them; admins read and replay them.

use super::schema::dead_letters;
use chrono::{DateTime, Utc};
use diesel::{dsl::now, prelude::*, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// A message that was given up.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dead_letters)]
pub(crate) struct DeadLetterRow {
    pub(crate) id: Uuid,
    pub(crate) queue: String,
    pub(crate) event_id: Option<Uuid>,
    pub(crate) payload: Vec<u8>,
    pub(crate) reason: String,
    pub(crate) attempts: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) replayed_at: Option<DateTime<Utc>>,
}

/// A dead letter.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<DeadLetterRow>> {
    dead_letters::table.find(id).select(DeadLetterRow::as_select()).first(connection).await.optional()
}

/// Dead letters, newest first, older than `before`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
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
///
/// # Errors
/// Those of the database.
pub(crate) async fn mark_replayed(
    connection: &mut AsyncPgConnection,
    id: Uuid,
) -> QueryResult<DeadLetterRow> {
    diesel::update(dead_letters::table.find(id))
        .set(dead_letters::replayed_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .returning(DeadLetterRow::as_returning())
        .get_result(connection)
        .await
}
