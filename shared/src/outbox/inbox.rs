//! Which events a consumer has worked in.

use super::schema::inbox;
use crate::ids::EventId;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashSet;

/// Notes in the caller's transaction that the consumer works in these events, and tells which of
/// them it has not worked in before. The others must have no effect.
///
/// # Errors
/// Those of the database.
pub async fn first_time(
    connection: &mut AsyncPgConnection,
    consumer: &str,
    events: &[EventId],
) -> QueryResult<HashSet<EventId>> {
    let rows: Vec<_> =
        events.iter().map(|event| (inbox::consumer.eq(consumer), inbox::event_id.eq(event.0))).collect();
    let fresh: Vec<uuid::Uuid> = diesel::insert_into(inbox::table)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(inbox::event_id)
        .get_results(connection)
        .await?;
    Ok(fresh.into_iter().map(EventId).collect())
}
