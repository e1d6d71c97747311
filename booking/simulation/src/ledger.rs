//! The ledgers of the instances: the engine's queue and its processing of batches, over the model of the database.

use crate::{
    instance::shard_of,
    limits::{PATIENCE, PAYMENT_GRACE, QUEUE},
    model_store::ModelStore,
    process::{Process, ProcessClock, SeededIds},
    scheduler::Owner,
    time::MINUTE,
    world::World,
};
use booking_engine::{
    inventory::seat_inventory::HoldExpiries,
    ledger::{
        command::{Command, Envelope, LedgerAnswer, LedgerError, Outcome},
        process::{BatchProcessor, await_answer},
        queue::CommandQueue,
    },
    ports::{Clock, CommitListener, LedgerQueue, SubmitTerms},
};
use shared::{
    events::{EventType, SeatsState},
    ids::FlightId,
};
use std::rc::Rc;
use tokio::sync::{Mutex, oneshot};

type Processor = BatchProcessor<ModelStore, InstanceListener, ProcessClock, SeededIds>;

/// A ledger: its queue dies with it, its processor with its process.
pub(crate) struct SimulatedLedger {
    queue: CommandQueue,
    processor: Rc<Mutex<Processor>>,
}

impl SimulatedLedger {
    fn new(process: &Process, shard: usize) -> Self {
        let Process { world, at, clock, ids, .. } = process;
        let (store, listener) = (ModelStore::new(world, *at, shard), InstanceListener(world.clone(), *at));
        let processor = BatchProcessor::new(store, listener, (clock.clone(), ids.clone()), PAYMENT_GRACE);
        Self { queue: CommandQueue::new(QUEUE), processor: Rc::new(Mutex::new(processor)) }
    }
}

impl LedgerQueue for Process {
    async fn submit(&self, flight: FlightId, command: Command, terms: SubmitTerms) -> LedgerAnswer {
        self.world.hop().await;
        let (reply, answer) = oneshot::channel();
        let SubmitTerms { deadline, slot } = terms;
        let is_claim = command.claim().is_some();
        if let Some(claim) = command.claim() {
            self.world.claimed.borrow_mut().insert(claim.id, claim.locator.as_str().to_owned());
        }
        let slot = is_claim.then(|| slot.unwrap_or_else(|| self.instance().admission.admit_always()));
        let envelope =
            Envelope { command, flight, deadline, trace: None, lock_timed_out: false, slot, reply };
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

impl Process {
    /// Puts a command into a ledger's queue, and begins the next batch unless one is out.
    fn hand_over(&self, shard: usize, envelope: Envelope) {
        let is_claim = envelope.command.claim().is_some();
        let (refused, batch) = {
            let ledger = self.instance().ledgers[shard].take();
            let mut ledger = ledger.unwrap_or_else(|| SimulatedLedger::new(self, shard));
            let waiting = ledger.queue.waiting();
            let refused = ledger.queue.push(envelope).err();
            if refused.is_none() && is_claim && waiting >= QUEUE.waiting {
                self.world.object(format!("a claim was taken on where {waiting} commands waited"));
            }
            let batch = ledger.queue.next_batch();
            self.instance().ledgers[shard] = Some(ledger);
            (refused, batch)
        };
        if let Some(envelope) = refused {
            self.world.count("commands refused by a full queue");
            envelope.answer(Err(LedgerError::Overloaded));
        }
        if let Some(batch) = batch {
            let process = Self::new(&self.world, self.at);
            self.world.spawn(Owner::Ledger(self.at, shard), async move { process.run(shard, batch).await });
        }
    }

    /// Processes batches until nothing waits, as the ledger actor does.
    async fn run(&self, shard: usize, batch: Vec<Envelope>) {
        let mut next = Some(batch);
        while let Some(batch) = next.take() {
            let processor = match &self.instance().ledgers[shard] {
                Some(ledger) => ledger.processor.clone(),
                None => return,
            };
            let to_retry = processor.lock().await.process(batch).await;
            if let Some(ledger) = &mut self.instance().ledgers[shard] {
                ledger.queue.batch_ended(to_retry);
                next = ledger.queue.next_batch();
            }
        }
    }

    /// Until when a command may begin that no request waits for.
    pub(crate) fn command_deadline(&self) -> std::time::Instant {
        self.clock.now() + PATIENCE
    }
}

impl World {
    /// Kills a ledger with what it has in hand.
    pub(crate) fn kill_ledger(&self, at: usize, shard: usize) {
        self.wishes.kill(Owner::Ledger(at, shard));
        let queue = self.instances[at].borrow_mut().ledgers[shard]
            .as_mut()
            .map(|ledger| std::mem::replace(&mut ledger.queue, CommandQueue::new(QUEUE)));
        // Those who wait are told by the loss of their channels.
        drop(queue);
    }
}

/// Those who follow the commits of an instance: its allocators, and the bus.
struct InstanceListener(Rc<World>, usize);

impl CommitListener for InstanceListener {
    fn events_committed(&self) {
        publish(&self.0);
    }

    fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>) {
        self.0.apply_seats(self.1, &state);
        if let Some(holds) = holds {
            self.0.apply_hold_expiries(self.1, state.flight_id, &holds);
        }
    }

    fn holds_changed(&self, flight: FlightId, holds: HoldExpiries) {
        self.0.apply_hold_expiries(self.1, flight, &holds);
    }

    fn invalidate(&self, flight: FlightId) {
        self.0.count("lost answers found");
        self.0.invalidate(self.1, flight);
    }
}

/// Publishes what is committed: to every instance, later, in any order, now and then twice.
pub(crate) fn publish(world: &Rc<World>) {
    let events: Vec<_> = world.database.borrow_mut().outbox.drain(..).collect();
    for event in events {
        let checked = world.checks.borrow_mut().published(&event);
        world.object_to(checked);
        if event.kind != EventType::SeatsChanged {
            continue;
        }
        let Ok(state) = event.data::<SeatsState>() else { continue };
        let state = Rc::new(state);
        for at in 0..world.instances.len() {
            let copies = if world.strikes(100) { 2 } else { 1 };
            for _ in 0..copies {
                let delay = {
                    let late = world.strikes(50);
                    let outage = world.bus_down_until.get().saturating_sub(world.now());
                    let random = world.random();
                    outage + if late { random.below(MINUTE) } else { random.time(500, world.sizes.bus) }
                };
                let (world_of_it, state) = (world.clone(), state.clone());
                world.spawn(Owner::Outside, async move {
                    world_of_it.sleep(delay).await;
                    world_of_it.apply_seats(at, &state);
                });
            }
        }
    }
}
