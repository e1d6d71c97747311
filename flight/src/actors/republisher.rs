//! The republisher: tells the flights anew that carry changed reference data and are more than the transaction of the change has
//! told; at its start, after a change, and from time to time.
//!
//! Invariant: each transaction tells some hundreds of flights and notes how far that is, so a republisher that dies loses nothing
//! that was committed, and any instance goes on from there. Catalogues hear of the flights over the bus.

use crate::store::flights;
use actix::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{
    db::{DbError, Pool},
    outbox::RelayHandle,
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::time::Duration;
use tokio::sync::oneshot;

/// From one look at the table to the next, where nobody asks: another instance may have died half way.
const LOOK: Duration = Duration::from_secs(30);
/// The pause after a look that failed.
const RETRY: Duration = Duration::from_secs(5);
/// The pause while the outbox is full.
const WAIT: Duration = Duration::from_millis(200);
/// With so many events in the outbox the next flights wait: what staff do meanwhile would be told after all of them.
const OUTBOX_FULL: i64 = 2000;

/// Has the table looked at.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

/// The same; ready when a look that begins later has found nothing.
#[derive(Message)]
#[rtype(result = "()")]
struct WorkThrough;

/// The actor that tells flights.
struct Republisher {
    pool: Pool,
    relay: RelayHandle,
    /// Flights are being told.
    working: bool,
    /// The table is to be looked at once more.
    again: bool,
    /// Those who wait for the end of the work under way, and of the next.
    waiting: [Vec<oneshot::Sender<()>>; 2],
    next: Option<SpawnHandle>,
    _lifeline: Lifeline,
}

/// Why the work has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkEnd {
    /// All flights are told, or others tell them.
    NothingLeft,
    /// The relay is behind.
    OutboxFull,
}

impl Actor for Republisher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.work(ctx);
    }
}

impl Republisher {
    /// Begins to tell flights, or has that follow what is under way. Interleaves with other messages.
    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.working {
            self.again = true;
            return;
        }
        self.working = true;
        let [present, next] = &mut self.waiting;
        present.append(next);
        let work = tell_all(self.pool.clone(), self.relay.clone());
        ctx.spawn(work.into_actor(self).map(|end, republisher, ctx| {
            republisher.working = false;
            let pause = match end {
                Ok(WorkEnd::NothingLeft) => {
                    for waiting in republisher.waiting[0].drain(..) {
                        // Whoever waited may have given up.
                        let _ = waiting.send(());
                    }
                    LOOK
                }
                Ok(WorkEnd::OutboxFull) => WAIT,
                Err(error) => {
                    tracing::warn!(error.message = %error, "Flights could not be told of changed reference data; tried again soon");
                    RETRY
                }
            };
            if std::mem::take(&mut republisher.again) {
                republisher.work(ctx);
                return;
            }
            if let Some(former) = republisher.next.replace(ctx.run_later(pause, Self::work)) {
                ctx.cancel_future(former);
            }
        }));
    }
}

/// Tells flights, some hundreds a transaction, until none are left or the outbox is full.
async fn tell_all(pool: Pool, relay: RelayHandle) -> Result<WorkEnd, DbError> {
    loop {
        let mut connection = pool.get().await?;
        if outbox_is_full(&mut connection).await? {
            return Ok(WorkEnd::OutboxFull);
        }
        let told = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| flights::republish_next(connection).await)
            .await?;
        drop(connection);
        let Some(told) = told else { return Ok(WorkEnd::NothingLeft) };
        metrics::counter!("aerobus_flights_republished_total").increment(told as u64);
        relay.nudge();
    }
}

async fn outbox_is_full(connection: &mut AsyncPgConnection) -> Result<bool, DbError> {
    let waiting = diesel::sql_query("SELECT FROM outbox OFFSET $1 LIMIT 1")
        .bind::<diesel::sql_types::BigInt, _>(OUTBOX_FULL)
        .execute(connection)
        .await?;
    Ok(waiting > 0)
}

impl Handler<Wake> for Republisher {
    type Result = ();

    /// Atomic: it only starts the work.
    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.work(ctx);
    }
}

impl Handler<WorkThrough> for Republisher {
    type Result = ResponseFuture<()>;

    /// Interleaves: it waits for the work apart from the actor.
    fn handle(&mut self, _: WorkThrough, ctx: &mut Context<Self>) -> Self::Result {
        let (ended, end) = oneshot::channel();
        self.waiting[1].push(ended);
        self.work(ctx);
        // A republisher that dies meanwhile ends the wait.
        Box::pin(async { drop(end.await) })
    }
}

/// A cloneable handle of the republisher.
#[derive(Clone)]
pub struct RepublisherHandle(SupervisedActor<Republisher>);

impl RepublisherHandle {
    /// Starts the republisher on the present arbiter; it goes on where others have stopped.
    #[must_use]
    pub fn start(pool: Pool, relay: RelayHandle) -> Self {
        Self(SupervisedActor::start("flight", "republisher", move |lifeline| Republisher {
            pool: pool.clone(),
            relay: relay.clone(),
            working: false,
            again: false,
            waiting: [Vec::new(), Vec::new()],
            next: None,
            _lifeline: lifeline,
        }))
    }

    /// Has the table looked at, at once or after the work under way. Never blocks, never fails: a republisher that is just made
    /// anew begins with a look.
    pub fn nudge(&self) {
        if let Some(republisher) = self.0.address() {
            // A full mailbox has a look follow anyway.
            drop(republisher.try_send(Wake));
        }
    }

    /// Ready when all flights are told that were to be told at this call.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn work_through(&self) -> Result<(), AskError> {
        self.0.ask(WorkThrough).await
    }
}
