//! Turns events into stored letters: deduplicate, draft and store in one transaction, then acknowledge.
//!
//! **Promise.** An event is acknowledged only after its letters are committed, and makes each letter
//! once, however often it is delivered.

use super::email_sender::EmailSender;
use crate::{
    domain::LetterTemplate,
    kinds::{self, DraftError},
    store::letters::{self, NewLetter},
};
use actix::{Actor, Addr, Context, Message, ResponseFuture};
use diesel::result::Error as QueryError;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::future::BoxFuture;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription, queues},
    db::{DbError, Pool},
    events::Event,
    ids::EventId,
    outbox,
};
use std::{sync::Arc, time::Duration};

/// The work queue that the mailer's instances share; also its name in the inbox.
pub(crate) const QUEUE: &str = queues::MAILER_NOTIFICATIONS.name;

/// Events that make one transaction, at most.
const BATCH: usize = 64;

/// The longest that a batch may take: statements and the wait for a connection are bounded below it.
const ASK_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks to store the letters of these events.
#[derive(Message)]
#[rtype(result = "Vec<Disposition>")]
struct StoreLetters(Vec<Delivery>);

/// The actor. Its work is in tasks of their own, so it holds no state that could go stale.
pub(crate) struct NotificationConsumer {
    writer: Arc<LetterWriter>,
}

struct LetterWriter {
    pool: Pool,
    sender: EmailSender,
    mail_domain: String,
}

/// A cloneable handle of a [`NotificationConsumer`]; the bus's handler of its queue.
#[derive(Clone)]
pub(crate) struct NotificationConsumerHandle(Addr<NotificationConsumer>);

impl NotificationConsumer {
    /// Starts it on the present arbiter. `mail_domain` is the right side of Message-IDs.
    pub(crate) fn start(pool: Pool, sender: EmailSender, mail_domain: String) -> NotificationConsumerHandle {
        let writer = Arc::new(LetterWriter { pool, sender, mail_domain });
        NotificationConsumerHandle(Actor::start(Self { writer }))
    }
}

impl NotificationConsumerHandle {
    /// Its subscription of the bus.
    pub(crate) fn subscription() -> Subscription {
        Subscription::of(&queues::MAILER_NOTIFICATIONS).batch(BATCH)
    }

    /// Makes letters of deliveries; one disposition each, in order.
    pub(crate) async fn take(&self, batch: Vec<Delivery>) -> Vec<Disposition> {
        let count = batch.len();
        match self.0.send(StoreLetters(batch)).timeout(ASK_TIMEOUT).await {
            Ok(dispositions) => dispositions,
            Err(error) => vec![Disposition::Pause(format!("the consumer does not answer: {error}")); count],
        }
    }
}

impl Handler for NotificationConsumerHandle {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(self.take(batch.to_vec()))
    }
}

impl Actor for NotificationConsumer {
    type Context = Context<Self>;
}

impl actix::Handler<StoreLetters> for NotificationConsumer {
    // Interleaves: batches of the bus come one after the other anyway, and replays may run beside them.
    type Result = ResponseFuture<Vec<Disposition>>;

    fn handle(&mut self, StoreLetters(batch): StoreLetters, _: &mut Self::Context) -> Self::Result {
        let writer = Arc::clone(&self.writer);
        let count = batch.len();
        // A task of its own, so that a caller that gives up does not drop an open transaction.
        let work = actix_web::rt::spawn(async move { writer.take(&batch).await });
        Box::pin(async move {
            work.await
                .unwrap_or_else(|panic| vec![Disposition::Retry(format!("a batch failed: {panic}")); count])
        })
    }
}

impl LetterWriter {
    async fn take(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let drafted: Vec<_> = batch.iter().map(|delivery| new_letters(&delivery.event)).collect();
        let events: Vec<&Event> = batch
            .iter()
            .zip(&drafted)
            .filter(|(_, drafts)| drafts.is_ok())
            .map(|(one, _)| &*one.event)
            .collect();
        let letters: Vec<NewLetter<'_>> = drafted.iter().flatten().flatten().cloned().collect();
        let stored = self.store(&events, &letters).await;
        if stored.is_ok() {
            self.sender.nudge();
        }
        let failed = match stored {
            Ok(()) => None,
            // One event may be at fault: the others must not fail with it.
            Err(DbError::Query(_)) if events.len() > 1 && self.pool.is_healthy().await => {
                return self.take_one_by_one(batch).await;
            }
            Err(error) => Some(self.failure(&error).await),
        };
        let disposition = |drafts: Result<_, DraftError>| match drafts {
            Err(undraftable) => Disposition::DeadLetter(undraftable.to_string()),
            Ok(_) => failed.clone().unwrap_or(Disposition::Ack),
        };
        drafted.into_iter().map(disposition).collect()
    }

    async fn take_one_by_one(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let mut dispositions = Vec::with_capacity(batch.len());
        for delivery in batch {
            dispositions.extend(Box::pin(self.take(std::slice::from_ref(delivery))).await);
        }
        dispositions
    }

    /// Stores the letters of new events, and records these events as consumed, in one transaction.
    async fn store(&self, events: &[&Event], letters: &[NewLetter<'_>]) -> Result<(), DbError> {
        if events.is_empty() {
            return Ok(());
        }
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let mut pooled = self.pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut pooled;
        connection
            .transaction(async |connection: &mut AsyncPgConnection| {
                let fresh = outbox::first_time(connection, QUEUE, &ids).await?;
                let letters: Vec<NewLetter<'_>> =
                    letters.iter().filter(|letter| fresh.contains(&letter.event.id)).cloned().collect();
                if letters.is_empty() {
                    return Ok(());
                }
                letters::insert(connection, &letters, &self.mail_domain).await?;
                supersede(connection, &letters).await
            })
            .await
            .map_err(DbError::Query)
    }

    /// Whether a failure is the event's own or the database's.
    async fn failure(&self, error: &DbError) -> Disposition {
        if error.is_outage() || !self.pool.is_healthy().await {
            return Disposition::Pause(format!("the database is away: {error}"));
        }
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        Disposition::Retry(format!("the letter cannot be stored: {cause}"))
    }
}

fn new_letters(event: &Event) -> Result<Vec<NewLetter<'_>>, DraftError> {
    let drafts = kinds::drafts(event)?;
    Ok(drafts.into_iter().map(|draft| NewLetter { event, draft }).collect())
}

/// Marks the letters that these letters supersede, and those of them that are superseded already.
async fn supersede(connection: &mut AsyncPgConnection, letters: &[NewLetter<'_>]) -> Result<(), QueryError> {
    let touches = |template: LetterTemplate| letters.iter().any(|letter| letter.draft.template == template);
    let aggregates: Vec<&str> = letters.iter().map(|letter| letter.event.subject.as_str()).collect();
    for kind in kinds::LETTER_KINDS.into_iter().filter(|kind| !kind.superseded_by.is_empty()) {
        if touches(kind.template) || kind.superseded_by.iter().copied().any(touches) {
            letters::supersede(connection, kind.template, kind.superseded_by, &aggregates).await?;
        }
    }
    Ok(())
}
