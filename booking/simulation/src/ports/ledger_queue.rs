//! The ledgers of an instance: the engine's queue and its processing of batches, over the model of the database.

use crate::{
    ground::{
        TaskOwner,
        limits::{PAYMENT_GRACE, QUEUE, SHARDS},
    },
    ports::{
        bus,
        instance_ports::{InstanceClock, InstancePorts, SeededIds},
    },
    transaction::ModelLedgerStore,
    world::{BatchRunner, SimulatedWorld},
};
use booking_engine::{
    inventory::seat_inventory::HoldExpiries,
    ledger::{
        command::{Command, Envelope, LedgerAnswer, LedgerError, Outcome},
        process::{BatchProcessor, await_answer},
        queue::CommandQueue,
    },
    ports::{CommitListener, LedgerQueue, SubmitTerms},
};
use futures_util::future::LocalBoxFuture;
use shared::{events::SeatsState, ids::FlightId};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};
use tokio::sync::Mutex;

/// The shard of a flight.
fn shard_of(flight: FlightId) -> usize {
    let mut hasher = DefaultHasher::new();
    flight.0.hash(&mut hasher);
    usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or(0)
}

/// The engine's processor of batches, over the model of the database.
struct ModelBatchRunner(Mutex<BatchProcessor<ModelLedgerStore, InstanceListener, InstanceClock, SeededIds>>);

impl ModelBatchRunner {
    fn new(ports: &InstancePorts, shard: usize) -> Self {
        let InstancePorts { world, at, clock, ids, .. } = ports;
        let (store, listener) =
            (ModelLedgerStore::new(world, *at, shard), InstanceListener(world.clone(), *at));
        Self(Mutex::new(BatchProcessor::new(store, listener, (clock.clone(), ids.clone()), PAYMENT_GRACE)))
    }
}

impl BatchRunner for ModelBatchRunner {
    fn run(&self, batch: Vec<Envelope>) -> LocalBoxFuture<'_, Vec<Envelope>> {
        Box::pin(async move { self.0.lock().await.process(batch).await })
    }
}

impl LedgerQueue for InstancePorts {
    async fn submit(&self, flight: FlightId, command: Command, terms: SubmitTerms) -> LedgerAnswer {
        self.world.hop().await;
        let SubmitTerms { deadline, slot } = terms;
        let is_claim = command.claim().is_some();
        if let Some(claim) = command.claim() {
            self.world.claimed.borrow_mut().insert(claim.id, claim.locator.as_str().to_owned());
        }
        let admission = self.instance().admission.clone();
        let (envelope, answer) = Envelope::new((flight, command), (deadline, slot), &admission, None);
        self.hand_over(shard_of(flight), envelope);
        let answer = await_answer(&self.clock, deadline, answer).await;
        if is_claim {
            self.log.claimed(match &answer {
                Ok(Outcome::Refused(refusal)) => Some(refusal),
                _ => None,
            });
        }
        answer
    }
}

impl InstancePorts {
    /// Puts a command into a ledger's queue, and begins the next batch unless one is out.
    fn hand_over(&self, shard: usize, envelope: Envelope) {
        let is_claim = envelope.command.claim().is_some();
        let (refused, batch) = {
            let mut instance = self.instance();
            let ledger = &mut instance.ledgers[shard];
            ledger.runner.get_or_insert_with(|| Rc::new(ModelBatchRunner::new(self, shard)));
            let waiting = ledger.queue.waiting();
            let refused = ledger.queue.push(envelope).err();
            if refused.is_none() && is_claim && waiting >= QUEUE.waiting {
                let what = format!("a claim was taken on where {waiting} commands waited");
                self.world.report_violation(what);
            }
            (refused, ledger.queue.next_batch())
        };
        if let Some(envelope) = refused {
            self.world.count("commands refused by a full queue");
            envelope.answer(Err(LedgerError::Overloaded));
        }
        if let Some(batch) = batch {
            let ports = Self::new(&self.world, self.at);
            let owner = TaskOwner::Ledger(self.at, shard);
            self.world.spawn(owner, async move { ports.run(shard, batch).await });
        }
    }

    /// Processes batches until nothing waits, as the ledger actor does.
    async fn run(&self, shard: usize, batch: Vec<Envelope>) {
        let mut next = Some(batch);
        while let Some(batch) = next.take() {
            let Some(runner) = self.instance().ledgers[shard].runner.clone() else { return };
            let to_retry = runner.run(batch).await;
            let queue = &mut self.instance().ledgers[shard].queue;
            queue.batch_ended(to_retry);
            next = queue.next_batch();
        }
    }
}

/// Kills a ledger with what it has in hand.
pub(crate) fn kill_ledger(world: &SimulatedWorld, at: usize, shard: usize) {
    world.tasks.kill(TaskOwner::Ledger(at, shard));
    let queue = {
        let ledger = &mut world.instances[at].borrow_mut().ledgers[shard];
        std::mem::replace(&mut ledger.queue, CommandQueue::new(QUEUE))
    };
    // The callers learn of it by the loss of their channels.
    drop(queue);
}

/// Tells an instance's allocators and the bus of commits. The world, and the number of the instance.
struct InstanceListener(Rc<SimulatedWorld>, usize);

impl CommitListener for InstanceListener {
    fn events_committed(&self) {
        bus::publish(&self.0);
    }

    fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>) {
        let instance = self.0.instances[self.1].borrow();
        instance.apply_seats(&state);
        if let Some(holds) = holds {
            instance.apply_hold_expiries(state.flight_id, &holds);
        }
    }

    fn holds_changed(&self, flight: FlightId, holds: HoldExpiries) {
        self.0.instances[self.1].borrow().apply_hold_expiries(flight, &holds);
    }

    fn invalidate(&self, flight: FlightId) {
        self.0.count("lost answers found");
        self.0.instances[self.1].borrow().invalidate(flight);
    }
}
