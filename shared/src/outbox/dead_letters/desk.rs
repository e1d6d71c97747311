//! What staff do with dead letters: they look at them, and have them consumed again.

use super::{
    handlers::{QueueHandler, QueueHandlers},
    resource::DeadLetterResource,
    row,
    row::DeadLetterRow,
};
use crate::{
    auth::AuditAuthor,
    bus::{Delivery, Disposition},
    db::{DbError, Pool},
    events::Event,
    http::{Code, Page, PageRequest, Problem, QueryParameters},
    ids::EventId,
    outbox::{RelayHandle, append},
    threads,
};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// How long a consumer may take. The transaction that holds the letter's lock waits meanwhile, which the server
/// allows for 10 seconds.
const CONSUME: Duration = Duration::from_secs(8);

/// Why a dead letter was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such dead letter.
    #[error("there is no such dead letter")]
    NotFound,
    /// It failed again; for people, why.
    #[error("the message failed again: {0}")]
    StillDead(String),
    /// What all messages need is away.
    #[error("the message has to wait: {0}")]
    Paused(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for ReplayError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NotFound => Self::new(Code::NotFound),
            ReplayError::StillDead(_) => Self::new(Code::Conflict).detail(error),
            ReplayError::Paused(_) => Self::unavailable(&error),
            ReplayError::Database(cause) => cause.into(),
        }
    }
}

/// The dead letters of a service for its staff.
#[derive(Clone)]
pub struct DeadLetterDesk {
    service: &'static str,
    pool: Pool,
    relay: RelayHandle,
    handlers: QueueHandlers,
}

/// What the audit log keeps of a dead letter: never its payload.
#[derive(Serialize)]
struct AuditedDeadLetter<'a> {
    queue: &'a str,
    event_id: Option<EventId>,
    replayed_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a DeadLetterRow> for AuditedDeadLetter<'a> {
    fn from(row: &'a DeadLetterRow) -> Self {
        Self { queue: &row.queue, event_id: row.event_id.map(EventId), replayed_at: row.replayed_at }
    }
}

impl DeadLetterDesk {
    pub(super) fn new(
        service: &'static str,
        pool: Pool,
        relay: RelayHandle,
        handlers: QueueHandlers,
    ) -> Self {
        Self { service, pool, relay, handlers }
    }

    /// A page of dead letters, newest first, by `limit` and `after`.
    ///
    /// # Errors
    /// `validation_failed`; those of the database.
    pub async fn list(&self, mut parameters: QueryParameters) -> Result<Page<DeadLetterResource>, Problem> {
        let request = PageRequest::<Uuid>::read(&mut parameters, &("dead-letters", self.service));
        parameters.finish()?;
        let mut connection = self.pool.get().await?;
        let rows = row::list(&mut connection, request.after, request.rows()).await?;
        Ok(request.page(rows, |row| row.id).map(DeadLetterResource::from))
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `not_found`; those of the database.
    pub async fn find(&self, id: Uuid) -> Result<DeadLetterResource, Problem> {
        let mut connection = self.pool.get().await?;
        let found = row::find(&mut connection, id).await?;
        found.map(DeadLetterResource::from).ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// Hands a dead letter to its consumer again, and records who did so. One that was replayed before stays as it is:
    /// nothing is consumed or recorded twice.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn replay(&self, id: Uuid, author: AuditAuthor) -> Result<DeadLetterResource, ReplayError> {
        let desk = self.clone();
        // A task of its own: whatever becomes of the request, the transaction comes to its end.
        let task = actix_rt::spawn(async move { desk.replay_once(id, &author).await });
        let replayed = task.await.map_err(|panic| ReplayError::Paused(panic.to_string()))?;
        self.relay.nudge();
        replayed
    }

    async fn replay_once(&self, id: Uuid, author: &AuditAuthor) -> Result<DeadLetterResource, ReplayError> {
        let mut connection = self.pool.get().await?;
        (*connection)
            .transaction::<_, ReplayError, _>(async |connection: &mut AsyncPgConnection| {
                let found = row::lock(connection, id).await?.ok_or(ReplayError::NotFound)?;
                if found.replayed_at.is_some() {
                    return Ok(found.into());
                }
                self.consume(&found).await?;
                let replayed = row::mark_replayed(connection, id).await?;
                let (before, after) = (AuditedDeadLetter::from(&found), AuditedDeadLetter::from(&replayed));
                let subject = format!("dead_letter/{id}");
                let record = author.change("dead_letter.replay", subject, Some(&before), Some(&after));
                append(connection, &[record.event(self.service)]).await?;
                Ok(replayed.into())
            })
            .await
    }

    /// Has the queue's consumer take the message, on its own thread.
    async fn consume(&self, row: &DeadLetterRow) -> Result<(), ReplayError> {
        let event = Event::decode(&row.payload).map_err(|error| ReplayError::StillDead(error.to_string()))?;
        let nobody = || ReplayError::StillDead(format!("nothing consumes {} any more", row.queue));
        let QueueHandler { handler, arbiter } = self.handlers.of(&row.queue).ok_or_else(nobody)?;
        let take = async move || {
            let batch = [Delivery { event: event.into(), attempt: 1 }];
            handler.handle(&batch).await.pop()
        };
        let taken = async {
            match arbiter {
                Some(arbiter) => threads::run_on(&arbiter, take).await,
                None => Ok(take().await),
            }
        };
        match timeout(CONSUME, taken).await {
            Ok(Ok(Some(Disposition::Ack))) => Ok(()),
            Ok(Ok(Some(Disposition::Retry(reason) | Disposition::DeadLetter(reason)))) => {
                Err(ReplayError::StillDead(reason))
            }
            Ok(Ok(Some(Disposition::Pause(reason)))) => Err(ReplayError::Paused(reason)),
            Ok(Ok(None) | Err(_)) => Err(ReplayError::Paused("the consumer gave no answer".to_owned())),
            Err(_) => Err(ReplayError::Paused("the consumer takes too long".to_owned())),
        }
    }
}
