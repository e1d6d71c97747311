//! Messages that were given up, kept with their reason.

use super::schema::dead_letters;
use crate::{
    bus::{BusError, DeadLetter, DeadLetterStore},
    db::Pool,
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// The service's `dead_letters` table as the bus wants it.
#[derive(Clone)]
pub struct DeadLetters(Pool);

impl DeadLetters {
    /// The table behind this pool.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self(pool)
    }
}

impl DeadLetterStore for DeadLetters {
    fn store<'a>(&'a self, queue: &'a str, letter: DeadLetter) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let failed = |error: &dyn std::fmt::Display| BusError::DeadLetter(error.to_string());
            let mut connection = self.0.get().await.map_err(|error| failed(&error))?;
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
