//! Which events a consumer has worked in. No service writes this table any more: it is kept for instances of earlier
//! releases.

use super::schema::inbox;
use crate::ids::EventId;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::{BTreeSet, HashSet};

/// Notes in the caller's transaction that the consumer works in these events, and tells which of
/// them it has not worked in before. The others must have no effect.
///
/// An event may be in one batch twice: take it out of the set when it is worked in.
///
/// # Errors
/// Those of the database.
pub async fn first_time(
    connection: &mut AsyncPgConnection,
    consumer: &str,
    events: &[EventId],
) -> QueryResult<HashSet<EventId>> {
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    // In one order, so that two instances that got the same events do not wait for each other.
    let events: BTreeSet<_> = events.iter().collect();
    let rows: Vec<_> =
        events.into_iter().map(|event| (inbox::consumer.eq(consumer), inbox::event_id.eq(event.0))).collect();
    let fresh: Vec<uuid::Uuid> = diesel::insert_into(inbox::table)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(inbox::event_id)
        .get_results(connection)
        .await?;
    Ok(fresh.into_iter().map(EventId).collect())
}
