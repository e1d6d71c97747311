//! Housekeeping: what the messaging tables keep, and for how long. The active relay of a schema carries it out.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// Events and inbox rows live this long; longer than any message is pending.
const KEPT: &str = "interval '7 days'";

/// Rows that one statement cleans away: milliseconds, so that publishing never waits for it.
const CLEANED_AT_ONCE: usize = 1000;

/// Cleans away some events and inbox rows that are too old; gives whether there may be more. An event's
/// age is that of its id, which begins with its milliseconds (RFC 9562, version 7).
///
/// Only with a short outbox: each event that is deleted is looked up there, without an index.
pub(super) async fn clean_up(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let events = format!(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < rpad(lpad(to_hex(\
         (extract(epoch FROM now() - {KEPT}) * 1000)::bigint), 12, '0'), 32, '0')::uuid \
         AND NOT EXISTS (SELECT FROM outbox WHERE event_id = id) ORDER BY id LIMIT {CLEANED_AT_ONCE})"
    );
    let inbox = format!(
        "DELETE FROM inbox WHERE (consumer, event_id) IN (SELECT consumer, event_id FROM inbox \
         WHERE received_at < now() - {KEPT} ORDER BY received_at LIMIT {CLEANED_AT_ONCE})"
    );
    let mut more = false;
    for statement in [events, inbox] {
        more |= diesel::sql_query(statement).execute(connection).await? == CLEANED_AT_ONCE;
    }
    Ok(more)
}
