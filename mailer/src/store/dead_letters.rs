//! Messages off the bus that were given up. The bus writes them; admins read and replay them.

use super::schema::dead_letters;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::now,
    prelude::*,
    sql_types::{Array, BigInt, Binary, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
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

/// What stands before a token in an event that is written as JSON.
const TOKEN: &[u8] = b"\"token\":\"";

/// Dead letters whose tokens one call erases.
const ERASED_AT_ONCE: i64 = 100;

statement! {
    /// Dead letters with tokens that are of no use any more. Literally as in the partial index.
    WithTokens { limit: BigInt = i64 } -> (SqlUuid, Binary),
    "SELECT id, payload FROM dead_letters WHERE position('\"token\":\"'::bytea IN payload) > 0
        AND (created_at < now() - interval '24 hours' OR replayed_at IS NOT NULL) LIMIT $"
}

statement! {
    /// Writes payloads anew.
    Rewrite { payloads: Array<Binary> = Vec<Vec<u8>>, ids: Array<SqlUuid> = Vec<Uuid> } -> (),
    "UPDATE dead_letters SET payload = new.payload
     FROM (SELECT id, $[i] AS payload FROM unnest($) WITH ORDINALITY AS n (id, i)) AS new WHERE dead_letters.id = new.id"
}

/// Erases tokens from dead letters that were replayed, or are older than any token lasts.
///
/// # Errors
/// Those of the database.
pub(crate) async fn erase_tokens(mut connection: &AsyncPgConnection) -> QueryResult<()> {
    let rows: Vec<(Uuid, Vec<u8>)> = WithTokens { limit: ERASED_AT_ONCE }.load(&mut connection).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let (ids, payloads) = rows.into_iter().map(|(id, payload)| (id, without_tokens(&payload))).unzip();
    Rewrite { payloads, ids }.execute(&mut connection).await.map(drop)
}

/// The same bytes with `null` in the place of each token. They may be anything: the message was given up.
fn without_tokens(payload: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(payload.len());
    let mut rest = payload;
    while let Some(at) = rest.windows(TOKEN.len()).position(|window| window == TOKEN) {
        let (before, token) = rest.split_at(at + TOKEN.len());
        kept.extend_from_slice(&before[..before.len() - 1]);
        kept.extend_from_slice(b"null");
        let end = token.iter().position(|byte| *byte == b'"').map_or(token.len(), |end| end + 1);
        rest = &token[end..];
    }
    kept.extend_from_slice(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_cut_out_of_whatever_was_given_up() {
        let cut = |text: &[u8]| String::from_utf8_lossy(&without_tokens(text)).into_owned();
        assert_eq!(cut(br#"{"data":{"token":"abc","x":1}}"#), r#"{"data":{"token":null,"x":1}}"#);
        assert_eq!(cut(br#""token":"a""token":"b"#), r#""token":null"token":null"#);
        assert_eq!(cut(b"\xff"), "\u{fffd}");
        assert_eq!(cut(b""), "");
    }
}
