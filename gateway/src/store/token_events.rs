//! Events whose data holds a token, until the token is erased from them.

use super::schema::token_events;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::EventId, statement};

statement! {
    /// Erases the tokens of some events that are published, or whose token has expired.
    EraseTokens { limit: BigInt = i64 } -> (),
    "WITH due AS MATERIALIZED (
        SELECT event_id FROM token_events AS t
        WHERE expires_at <= now() OR NOT EXISTS (SELECT FROM outbox WHERE outbox.event_id = t.event_id)
        LIMIT $
        FOR UPDATE SKIP LOCKED
    ), erased AS (
        UPDATE events SET data = jsonb_set(data::jsonb, '{token}', 'null')::text
        WHERE id IN (SELECT event_id FROM due)
    )
    DELETE FROM token_events WHERE event_id IN (SELECT event_id FROM due)"
}

/// Notes that an event holds a token. In the transaction that writes the event.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    event: EventId,
    expires_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(token_events::table)
        .values((token_events::event_id.eq(event.0), token_events::expires_at.eq(expires_at)))
        .execute(connection)
        .await
        .map(drop)
}

/// Erases the tokens of up to `limit` events that the bus has taken, or whose tokens have expired; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn erase(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    EraseTokens { limit }.execute(connection).await
}
