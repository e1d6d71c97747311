//! What is erased of messages off the bus that were given up: tokens that are of no use any more, and messages about a
//! person who is erased. (What else is done with dead letters stands in `shared::outbox`.)

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use uuid::Uuid;

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

statement! {
    /// Deletes messages that name somebody.
    DeleteNaming { texts: Array<Text> = Vec<String>, before: Nullable<Timestamptz> = Option<DateTime<Utc>> } -> (),
    "DELETE FROM dead_letters WHERE EXISTS (SELECT FROM unnest($) AS t (text) WHERE position(convert_to(t.text, 'UTF8') IN payload) > 0)
        AND created_at < coalesce($, 'infinity')"
}

/// Deletes the dead letters in which one of these texts stands, if they are older than an instant.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_naming(
    mut connection: &AsyncPgConnection,
    texts: Vec<String>,
    before: Option<DateTime<Utc>>,
) -> QueryResult<()> {
    DeleteNaming { texts, before }.execute(&mut connection).await.map(drop)
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
