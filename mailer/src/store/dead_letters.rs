//! Messages off the bus that were given up. The bus writes them; admins read and replay them.

use super::schema::dead_letters;
use chrono::{DateTime, Utc};
use diesel::{dsl::now, prelude::*, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// A message that was given up.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dead_letters)]
#[expect(missing_docs, reason = "the columns; the migration tells what they hold")]
pub struct DeadLetterRow {
    pub id: Uuid,
    pub queue: String,
    pub event_id: Option<Uuid>,
    pub payload: Vec<u8>,
    pub reason: String,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
    pub replayed_at: Option<DateTime<Utc>>,
}

/// A dead letter.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<DeadLetterRow>> {
    dead_letters::table.find(id).select(DeadLetterRow::as_select()).first(connection).await.optional()
}

/// Dead letters, newest first, older than `before`.
///
/// # Errors
/// Those of the database.
pub async fn list(
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
pub async fn mark_replayed(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<DeadLetterRow> {
    diesel::update(dead_letters::table.find(id))
        .set(dead_letters::replayed_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .returning(DeadLetterRow::as_returning())
        .get_result(connection)
        .await
}
