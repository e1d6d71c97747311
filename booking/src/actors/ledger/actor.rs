//! The ledger actor: hands one batch of its queue after the other to the processor.

use crate::{
    actors::system::{SystemClock, SystemIds},
    store::{flight_cache::FlightCache, ledger_store::PostgresLedgerStore},
};
use actix::prelude::*;
use booking_engine::{
    ledger::{
        command::{Envelope, LedgerError},
        gathering::{GATHER, Gathering},
        process::BatchProcessor,
        queue::{CommandQueue, QueueBounds},
    },
    ports::CommitListener,
};
use chrono::TimeDelta;
use shared::db::DatabaseConfig;
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};

/// The listeners to the commits of an instance's ledgers.
pub(crate) type Followers = Arc<dyn CommitListener + Send + Sync>;

/// Processes the batches of a ledger on PostgreSQL.
pub(super) type PostgresProcessor = BatchProcessor<PostgresLedgerStore, Followers, SystemClock, SystemIds>;

/// What ledgers are given.
#[derive(Clone)]
pub(crate) struct LedgerDeps {
    pub(crate) database: DatabaseConfig,
    pub(crate) flights: FlightCache,
    pub(crate) followers: Followers,
    /// How long a payment prolongs its hold.
    pub(crate) payment_grace: TimeDelta,
}

impl LedgerDeps {
    /// A processor with a connection of its own.
    pub(super) fn processor(&self) -> PostgresProcessor {
        let store = PostgresLedgerStore::new(self.database.clone(), self.flights.clone());
        BatchProcessor::new(store, self.followers.clone(), (SystemClock, SystemIds), self.payment_grace)
    }
}

/// Hands over a command.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Submit(pub(super) Envelope);

/// Asks for an answer when all earlier commands are done.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

/// One writer for the flights of a shard.
///
/// Invariant: at most one transaction runs, that of the task that has locked the processor; it may be one that this
/// ledger's predecessor has begun. The transaction runs in a task of its own that nobody aborts: stopping the actor
/// would drop futures of its context, a commit in flight included. Only with its arbiter it ends midway, which the
/// processor notices.
pub(super) struct Ledger {
    queue: CommandQueue,
    gathering: Gathering,
    /// Ends the wait of the next batch for company.
    timer: Option<SpawnHandle>,
    bounds: QueueBounds,
    processor: Arc<Mutex<PostgresProcessor>>,
    drained: Vec<oneshot::Sender<()>>,
}

impl Ledger {
    pub(super) fn new(processor: Arc<Mutex<PostgresProcessor>>, bounds: QueueBounds) -> Self {
        let queue = CommandQueue::new(bounds);
        Self { queue, gathering: Gathering::default(), timer: None, bounds, processor, drained: Vec::new() }
    }

    /// Begins the next batch, unless one runs or there is nothing to do; or has it wait for company.
    fn begin_or_gather(&mut self, ctx: &mut Context<Self>) {
        let ready = self.queue.ready();
        if ready == 0 || !self.gathering.waits(ready) {
            self.begin_next(ctx);
        } else if self.timer.is_none() {
            self.gather(ctx);
        }
    }

    /// Waits for company.
    fn gather(&mut self, ctx: &mut Context<Self>) {
        self.gathering.wait(self.queue.ready());
        let timer = ctx.run_later(GATHER, |ledger, ctx| {
            ledger.timer = None;
            match ledger.gathering.waits_on(ledger.queue.ready()) {
                true => ledger.gather(ctx),
                false => ledger.begin_next(ctx),
            }
        });
        self.timer = Some(timer);
    }

    /// Begins the next batch, unless one runs or there is nothing to do.
    fn begin_next(&mut self, ctx: &mut Context<Self>) {
        let Some(batch) = self.queue.next_batch() else {
            if self.queue.is_idle() {
                for waiter in self.drained.drain(..) {
                    // An error means that nobody waits any longer.
                    let _ = waiter.send(());
                }
            }
            return;
        };
        self.gathering.began(batch.len());
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let processor = self.processor.clone();
        let task = actix::spawn(async move { processor.lock().await.process(batch).await });
        // Interleaves: commands arrive meanwhile, and form the next batch.
        ctx.spawn(task.into_actor(self).map(|joined, ledger, ctx| {
            let to_retry = joined.unwrap_or_else(|error| {
                // Its callers have noticed by the loss of their channels.
                tracing::error!(%error, "A batch of the ledger panicked");
                Vec::new()
            });
            let retried = to_retry.len();
            ledger.queue.batch_ended(to_retry);
            ledger.gathering.ended(ledger.queue.ready() - retried);
            ledger.begin_or_gather(ctx);
        }));
    }
}

impl Actor for Ledger {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(self.bounds.waiting);
    }
}

impl Handler<Submit> for Ledger {
    type Result = ();

    fn handle(&mut self, Submit(envelope): Submit, ctx: &mut Context<Self>) {
        match self.queue.push(envelope) {
            Ok(()) => self.begin_or_gather(ctx),
            Err(envelope) => envelope.answer(Err(LedgerError::Overloaded)),
        }
    }
}

impl Handler<Drain> for Ledger {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let (done, drained) = oneshot::channel();
        self.drained.push(done);
        self.begin_next(ctx);
        Box::pin(async move {
            // An error means that the ledger is gone with its commands.
            let _ = drained.await;
        })
    }
}

#[cfg(test)]
impl Handler<crate::actors::fault::Die> for Ledger {
    type Result = ();

    fn handle(&mut self, _: crate::actors::fault::Die, _: &mut Context<Self>) {
        panic!("a fault in the ledger, on purpose");
    }
}
