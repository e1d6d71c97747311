//! Turns events into stored letters: draft a batch, store it by one statement, then acknowledge.
//!
//! **Promise.** An event is acknowledged only after its letters are committed, and makes each letter
//! once, however often it is delivered.

use super::email_sender::EmailSender;
use crate::{
    kinds::{self, DraftError},
    store::{
        batch_connection::BatchConnection,
        letters::{self, NewLetter},
    },
};
use actix::{Actor, Addr, Context, Message, ResponseFuture};
use futures_util::future::BoxFuture;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription, queues},
    db::DbError,
    events::{EventType, Json},
    ids::EventId,
};
use std::{sync::Arc, time::Duration};

/// Events that are taken in together, at most.
const BATCH: usize = 512;

/// The time from one batch to the next: a statement costs the database as much as ten letters.
const PACE: Duration = Duration::from_millis(50);

/// The longest that a batch may take: statements and the wait for a connection are bounded below it.
const ASK_TIMEOUT: Duration = Duration::from_secs(60);

/// What letters need of an event.
struct TakenEvent {
    id: EventId,
    kind: EventType,
    subject: String,
    version: i64,
    data: Json,
}

/// Asks to store the letters of these events.
#[derive(Message)]
#[rtype(result = "Vec<Disposition>")]
struct StoreLetters(Vec<TakenEvent>);

/// The actor. Its work is in tasks of their own, so it holds no state that could go stale.
pub(crate) struct NotificationConsumer {
    writer: Arc<LetterWriter>,
}

struct LetterWriter {
    connection: BatchConnection,
    sender: EmailSender,
    mail_domain: String,
}

/// A cloneable handle of a [`NotificationConsumer`]; the bus's handler of its queue.
#[derive(Clone)]
pub(crate) struct NotificationConsumerHandle(Addr<NotificationConsumer>);

impl NotificationConsumer {
    /// Starts it on the present arbiter. `mail_domain` is the right side of Message-IDs.
    pub(crate) fn start(
        connection: BatchConnection,
        sender: EmailSender,
        mail_domain: String,
    ) -> NotificationConsumerHandle {
        let writer = Arc::new(LetterWriter { connection, sender, mail_domain });
        NotificationConsumerHandle(Actor::start(Self { writer }))
    }
}

impl NotificationConsumerHandle {
    /// Its subscription of the bus.
    pub(crate) fn subscription() -> Subscription {
        Subscription::of(&queues::MAILER_NOTIFICATIONS).batch(BATCH).pace(PACE)
    }

    /// Makes letters of deliveries; one disposition each, in order.
    pub(crate) async fn take(&self, batch: &[Delivery]) -> Vec<Disposition> {
        let events = batch.iter().map(|Delivery { event, .. }| TakenEvent {
            id: event.id,
            kind: event.kind,
            subject: event.subject.clone(),
            version: event.version,
            data: event.data.clone(),
        });
        match self.0.send(StoreLetters(events.collect())).timeout(ASK_TIMEOUT).await {
            Ok(dispositions) => dispositions,
            Err(error) => {
                vec![Disposition::Pause(format!("the consumer does not answer: {error}")); batch.len()]
            }
        }
    }
}

impl Handler for NotificationConsumerHandle {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(self.take(batch))
    }
}

impl Actor for NotificationConsumer {
    type Context = Context<Self>;
}

impl actix::Handler<StoreLetters> for NotificationConsumer {
    // Interleaves: batches of the bus come one after the other anyway, and replays may run beside them.
    type Result = ResponseFuture<Vec<Disposition>>;

    fn handle(&mut self, StoreLetters(events): StoreLetters, _: &mut Self::Context) -> Self::Result {
        let writer = Arc::clone(&self.writer);
        let count = events.len();
        // A task of its own: its panic does not reach the actor, and a caller that gives up does not stop it.
        let work = actix_web::rt::spawn(async move { writer.take(&events).await });
        Box::pin(async move {
            work.await
                .unwrap_or_else(|panic| vec![Disposition::Retry(format!("a batch failed: {panic}")); count])
        })
    }
}

impl LetterWriter {
    async fn take(&self, events: &[TakenEvent]) -> Vec<Disposition> {
        let mut letters = Vec::with_capacity(events.len());
        let drafted: Vec<_> = events.iter().map(|event| draft(event, &mut letters)).collect();
        let failed = match self.store(letters).await {
            Ok(()) => None,
            // One event may be at fault: the others must not fail with it.
            Err(DbError::Query(_)) if events.len() > 1 && self.connection.is_healthy().await => {
                return self.take_one_by_one(events).await;
            }
            Err(error) => Some(self.failure(&error).await),
        };
        let disposition = |drafted: Result<usize, DraftError>| match drafted {
            Err(undraftable) => Disposition::DeadLetter(undraftable.to_string()),
            Ok(0) => Disposition::Ack,
            Ok(_) => failed.clone().unwrap_or(Disposition::Ack),
        };
        drafted.into_iter().map(disposition).collect()
    }

    async fn take_one_by_one(&self, events: &[TakenEvent]) -> Vec<Disposition> {
        let mut dispositions = Vec::with_capacity(events.len());
        for event in events {
            dispositions.extend(Box::pin(self.take(std::slice::from_ref(event))).await);
        }
        dispositions
    }

    async fn store(&self, letters: Vec<NewLetter>) -> Result<(), DbError> {
        if letters.is_empty() {
            return Ok(());
        }
        let store = async |connection: &_| letters::store(connection, letters, &self.mail_domain).await;
        if self.connection.run(store).await? > 0 {
            self.sender.nudge();
        }
        Ok(())
    }

    /// Whether a failure is the event's own or the database's.
    async fn failure(&self, error: &DbError) -> Disposition {
        if error.is_outage() || !self.connection.is_healthy().await {
            return Disposition::Pause(format!("the database is away: {error}"));
        }
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        Disposition::Retry(format!("the letter cannot be stored: {cause}"))
    }
}

/// Adds the letters of an event; gives how many they are.
fn draft(event: &TakenEvent, letters: &mut Vec<NewLetter>) -> Result<usize, DraftError> {
    let drafts = kinds::drafts(event.kind, &event.data)?;
    let count = drafts.len();
    letters.extend(drafts.into_iter().map(|draft| NewLetter {
        event: event.id,
        aggregate: event.subject.clone(),
        version: event.version,
        draft,
    }));
    Ok(count)
}
