//! The ledger's store on the model of the database, with faults between the steps.

use crate::{
    checks::{CarriedCommands, check_quote},
    database::{AbortCause, ModelChange, PlannedAbort, unavailable},
    ground::limits::SHARDS,
    trace::{command_in_words, counted_as, verdict_in_words},
    transaction::model_transaction::ModelTransaction,
    world::SimulatedWorld,
};
use booking_engine::{
    booking::{idempotency::Key, locator::Locator, record::Flights, refusal::Refusal},
    ledger::{
        command::Outcome,
        decision::{BatchDecision, CommittedBatch},
        rows::{KnownKey, PassengerFlightKey, SeatRow, StaleHold, TravellerRow},
        snapshot::{LockRequest, LockedSnapshot},
        work::{Item, Verdict},
    },
    payment::quote::{Quote, QuoteId},
    ports::{LedgerStore, LoadedBooking},
    store_error::StoreResult,
};
use chrono::{DateTime, Utc};
use shared::{
    events::Event,
    ids::{BookingId, FlightId},
};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    rc::Rc,
};

/// The ledger's store on the model of the database.
pub(crate) struct ModelLedgerStore {
    world: Rc<SimulatedWorld>,
    at: usize,
    shard: usize,
    transaction: RefCell<Option<ModelTransaction>>,
    /// The connection does not answer any more.
    lost: Cell<bool>,
}

impl ModelLedgerStore {
    /// The store of a ledger.
    pub(crate) fn new(world: &Rc<SimulatedWorld>, at: usize, shard: usize) -> Self {
        Self { world: world.clone(), at, shard, transaction: RefCell::default(), lost: Cell::new(false) }
    }

    /// A call of the transaction: each takes the clock, and may fail.
    fn call<T>(
        &self,
        call: impl FnOnce(&mut ModelTransaction, DateTime<Utc>) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let mut transaction = self.transaction.borrow_mut();
        let transaction = transaction.as_mut().ok_or_else(unavailable)?;
        let clock = transaction.call()?;
        call(transaction, clock)
    }

    /// The transaction is over: what is known of it goes into the trace.
    fn ended(&self, transaction: &mut ModelTransaction, verdicts: Option<&[Verdict]>, committed: bool) {
        transaction.reach_locks();
        if let Some(traced) = transaction.traced {
            self.world.record(|trace| trace.ended(traced, &transaction.clocks, verdicts, committed));
        }
    }

    /// Writes rows and events, each in a call.
    fn write(&self, decision: &BatchDecision<'_>) -> StoreResult<()> {
        let writes = decision.write_set();
        self.call(|transaction, clock| transaction.write(&writes, clock))?;
        let events = decision.events();
        self.call(|transaction, _| {
            transaction.events.extend(events);
            Ok(())
        })
    }
}

impl LedgerStore for ModelLedgerStore {
    async fn connect(&mut self) -> StoreResult<()> {
        self.world.hop().await;
        self.world.reach_database()?;
        self.lost.set(false);
        Ok(())
    }

    fn disconnect(&mut self) {
        // Dropped, it is rolled back.
        self.transaction.take();
        self.lost.set(true);
    }

    async fn begin(&self, items: &[Item<'_>]) -> StoreResult<()> {
        let world = &self.world;
        let abort = draw_abort(world);
        let commands = || items.iter().map(|(command, _)| (*command).clone()).collect();
        let ledger = self.at * SHARDS + self.shard;
        let traced = world.trace.as_ref().map(|trace| trace.borrow_mut().begun(ledger, commands(), abort));
        *self.transaction.borrow_mut() = Some(ModelTransaction::begin(world.clone(), abort, traced));
        Ok(())
    }

    async fn stale_holds(
        &self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> StoreResult<Vec<StaleHold>> {
        self.call(|transaction, clock| Ok(transaction.stale(clock, seats, travellers)))
    }

    async fn lock(&self, request: LockRequest<'_>) -> StoreResult<LockedSnapshot> {
        // Here, for the last time, other transactions may come between.
        if self.world.strikes(300) {
            let micros = self.world.random().time(50, 11);
            self.world.sleep(micros).await;
        }
        if let Some(transaction) = self.transaction.borrow_mut().as_mut() {
            transaction.reach_locks();
        }
        self.call(|transaction, clock| Ok(transaction.lock(request, clock)))
    }

    async fn flight_states(&self, versions: &[(FlightId, i64)]) -> StoreResult<Flights> {
        self.call(|transaction, _| Ok(transaction.flight_states(versions)))
    }

    async fn bind_keys(&self, wanted: &[(&Key, BookingId)]) -> StoreResult<HashSet<Vec<u8>>> {
        self.call(|transaction, clock| Ok(transaction.bind_keys(wanted, clock)))
    }

    async fn find_key(&self, key: &Key) -> StoreResult<Option<KnownKey>> {
        self.call(|transaction, clock| Ok(transaction.with_rows(|rows| rows.find_key(key, clock))))
    }

    async fn release_keys(&self, scopes: &[&[u8]]) -> StoreResult<()> {
        self.call(|transaction, _| {
            scopes.iter().for_each(|scope| transaction.put(ModelChange::Key(scope.to_vec(), None)));
            Ok(())
        })
    }

    async fn taken_passengers(
        &self,
        asked: &[PassengerFlightKey],
    ) -> StoreResult<HashSet<PassengerFlightKey>> {
        self.call(|transaction, _| Ok(transaction.with_travellers(asked)))
    }

    async fn used_locators(&self, locators: &[Locator]) -> StoreResult<HashSet<Locator>> {
        self.call(|transaction, _| Ok(transaction.used(locators)))
    }

    async fn find_quote(&self, id: QuoteId) -> StoreResult<Option<Quote>> {
        self.call(|transaction, _| Ok(transaction.with_rows(|rows| rows.quotes.get(&id).copied())))
    }

    async fn allocate_ticket_numbers(&self, count: usize) -> StoreResult<Vec<i64>> {
        self.call(|transaction, _| Ok(transaction.allocate_ticket_numbers(count)))
    }

    async fn commit(&self, decision: BatchDecision<'_>) -> StoreResult<CommittedBatch> {
        self.write(&decision)?;
        let world = &self.world;
        let taken = self.transaction.borrow_mut().take();
        let Some(mut transaction) = taken else { return Err(unavailable()) };
        let committed = !world.database.borrow().is_down(world.now()) && !world.strikes(10);
        self.ended(&mut transaction, Some(&decision.verdicts), committed);
        if !committed {
            world.count("connections lost");
            drop(transaction);
            self.lost.set(true);
            world.hop().await;
            return Err(unavailable());
        }
        let clocks = transaction.clocks.clone();
        let (undo, events) = transaction.commit();
        let line = |event: &Event| format!("{} {} {}", event.kind, event.subject, event.version);
        world.record(|trace| trace.events.extend(events.iter().map(line)));
        world.count("batches committed");
        check(world, &decision, &undo, &clocks);
        let is_lost = world.strikes(25);
        // The answer of the commit is on its way.
        world.hop().await;
        if is_lost {
            world.count("acknowledgements lost");
            self.lost.set(true);
            return Err(unavailable());
        }
        Ok(decision.committed())
    }

    async fn roll_back(&self) -> StoreResult<()> {
        if let Some(mut transaction) = self.transaction.borrow_mut().take() {
            self.ended(&mut transaction, None, false);
        }
        match self.lost.get() || self.world.database.borrow().is_down(self.world.now()) {
            true => Err(unavailable()),
            false => {
                self.world.count("batches refused");
                Ok(())
            }
        }
    }

    async fn read_back(&mut self, ids: &[BookingId]) -> StoreResult<HashMap<BookingId, LoadedBooking>> {
        self.world.hop().await;
        let found = {
            let mut database = self.world.reach_database()?;
            let clock = database.clock(self.world.now());
            let read = |id: &BookingId| {
                let booking = database.rows.booking(*id)?;
                let state = booking.present(&database.rows.flights(&booking), clock).ok()?;
                Some((*id, (booking, state.into())))
            };
            ids.iter().filter_map(read).collect()
        };
        self.world.hop().await;
        Ok(found)
    }
}

fn draw_abort(world: &SimulatedWorld) -> Option<PlannedAbort> {
    use AbortCause::{Data, Deadlock, Lock};
    world.strikes(20).then(|| {
        let random = world.random();
        PlannedAbort { call: 1 + random.index(8), kind: [Deadlock, Lock, Data][random.index(3)] }
    })
}

/// Checks what must hold after every commit.
fn check(
    world: &SimulatedWorld,
    decision: &BatchDecision<'_>,
    undo: &[ModelChange],
    clocks: &[DateTime<Utc>],
) {
    let database = world.database.borrow();
    let clock = clocks.last().copied().unwrap_or_else(|| database.last_clock(world.now()));
    // Holds that had ended at the beginning do not count.
    let began = clocks.first().copied().unwrap_or(clock);
    for ((command, _), verdict) in decision.items.iter().zip(&decision.verdicts) {
        world.note(|| format!("committed {}: {}", command_in_words(command), verdict_in_words(verdict)));
        world.count(counted_as(command, verdict, undo));
        if let Verdict::Answer(Outcome::Refused(Refusal::SeatTaken(seats))) = verdict {
            let justified = world.invariants.borrow().are_taken(&database.rows, (seats, undo), began);
            world.check(justified);
        }
        world.check(check_quote(&database.rows, (command, verdict), clock));
    }
    let carried = CarriedCommands::of(decision.items, &decision.verdicts);
    let checked = world.invariants.borrow_mut().committed(&database.rows, (undo, &carried), (began, clock));
    world.check(checked);
}
