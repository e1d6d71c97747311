//! The transactional outbox, its relay, the inbox, and dead letters.
//!
//! Every service's schema has the same four tables (`migrations/shared`).

mod dead_letters;
mod inbox;
mod pending;
mod relay;
mod schema;

pub use dead_letters::DeadLetters;
pub use inbox::first_time;
pub use relay::{Relay, RelayHandle};

use crate::events::Event;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::{events, outbox};

/// Writes events to be published, in this order, in the caller's transaction.
///
/// After the commit, [nudge](RelayHandle::nudge) the relay.
///
/// # Errors
/// Those of the database.
pub async fn append(connection: &mut AsyncPgConnection, batch: &[Event]) -> QueryResult<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = batch
        .iter()
        .map(|event| {
            (
                events::id.eq(event.id.0),
                events::kind.eq(event.kind.as_str()),
                events::subject.eq(&event.subject),
                events::version.eq(event.version),
                events::time.eq(event.time),
                events::traceparent.eq(event.traceparent.as_deref()),
                events::data.eq(&event.data),
            )
        })
        .collect();
    diesel::insert_into(events::table).values(rows).execute(connection).await?;
    let pending: Vec<_> = batch.iter().map(|event| outbox::event_id.eq(event.id.0)).collect();
    diesel::insert_into(outbox::table).values(pending).execute(connection).await?;
    Ok(())
}
