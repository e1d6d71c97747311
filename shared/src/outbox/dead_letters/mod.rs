//! Messages that were given up, kept with their reason until somebody replays them.
//!
//! | file | what it has |
//! |---|---|
//! | here | what the bus needs: it stores dead letters |
//! | `handlers` | who consumes which queue |
//! | `row` | the table's queries |
//! | `desk` | what staff need: the list, and the replay |
//! | `resource` | a dead letter as staff see it |

mod desk;
mod handlers;
mod resource;
mod row;

pub use desk::{DeadLetterDesk, ReplayError};
pub use resource::{DeadLetterId, DeadLetterResource};
pub(crate) use row::count_waiting;

use super::{RelayHandle, schema::dead_letters};
use crate::{
    bus::{Bus, BusError, ConsumerHandle, DeadLetter, DeadLetterStore, Handler, Subscription},
    db::Pool,
};
use actix_rt::Arbiter;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use handlers::{QueueHandler, QueueHandlers};
use std::sync::Arc;
use uuid::Uuid;

/// The service's `dead_letters` table as the bus wants it. Clones share the memory of who consumes what.
#[derive(Clone)]
pub struct DeadLetters {
    pool: Pool,
    handlers: QueueHandlers,
}

impl DeadLetters {
    /// The table behind this pool.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool, handlers: QueueHandlers::default() }
    }

    /// Subscribes, with this table for what the handler gives up, and remembers the handler for replays. Call it on the
    /// thread that shall consume.
    pub fn subscribe(
        &self,
        bus: &Bus,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
    ) -> BoxFuture<'static, Result<ConsumerHandle, BusError>> {
        let arbiter = Arbiter::try_current();
        self.handlers.insert(&subscription.queue, QueueHandler { handler: Arc::clone(&handler), arbiter });
        bus.subscribe(subscription, handler, Arc::new(self.clone()))
    }

    /// What staff of this service need, over a pool for requests.
    #[must_use]
    pub fn desk(&self, service: &'static str, pool: Pool, relay: RelayHandle) -> DeadLetterDesk {
        DeadLetterDesk::new(service, pool, relay, self.handlers.clone())
    }
}

impl DeadLetterStore for DeadLetters {
    fn store<'a>(&'a self, queue: &'a str, letter: DeadLetter) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let failed = |error: &dyn std::fmt::Display| BusError::DeadLetter(error.to_string());
            let mut connection = self.pool.get().await.map_err(|error| failed(&error))?;
            diesel::insert_into(dead_letters::table)
                .values((
                    dead_letters::id.eq(Uuid::now_v7()),
                    dead_letters::queue.eq(queue),
                    dead_letters::event_id.eq(letter.event.as_ref().map(|event| event.id.0)),
                    dead_letters::payload.eq(&letter.payload),
                    dead_letters::reason.eq(&letter.reason),
                    dead_letters::attempts.eq(i32::try_from(letter.attempts).unwrap_or(i32::MAX)),
                ))
                .on_conflict_do_nothing()
                .execute(&mut connection)
                .await
                .map_err(|error| failed(&error))?;
            tracing::error!(bus.queue = queue, bus.reason = letter.reason, "A message was given up");
            Ok(())
        })
    }
}
