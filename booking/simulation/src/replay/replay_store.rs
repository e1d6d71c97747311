//! The ledger's store on PostgreSQL, under the trace's direction: the clock at each call, the wait for the locks, and the
//! call that fails.

use crate::{
    database::{PlannedAbort, unavailable},
    ground::Sabotage,
    trace::TracedTransaction,
};
use booking::replay::{self, PostgresLedgerStore};
use booking_engine::{
    booking::{idempotency::Key, locator::Locator, record::Flights},
    ledger::{
        decision::{BatchDecision, CommittedBatch},
        rows::{KnownKey, PassengerFlightKey, SeatRow, StaleHold, TravellerRow},
        snapshot::{LockRequest, LockedSnapshot},
        work::Item,
    },
    payment::quote::{Quote, QuoteId},
    ports::{LedgerStore, LoadedBooking},
    store_error::StoreResult,
};
use chrono::{DateTime, Utc};
use shared::ids::{BookingId, FlightId};
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};
use tokio::sync::oneshot;

/// Tells that the locks are asked for, and waits until they may be had.
pub(crate) type LockGate = (oneshot::Sender<()>, oneshot::Receiver<()>);

/// The ledger's store on PostgreSQL, under the direction of a trace.
pub(crate) struct ReplayStore {
    pub(crate) inner: PostgresLedgerStore,
    clocks: Vec<DateTime<Utc>>,
    /// Whether it came to its end on the model: then it may make more calls here, where it does otherwise.
    ended: bool,
    abort: Option<PlannedAbort>,
    calls: Cell<usize>,
    sabotage: Sabotage,
    gate: Cell<Option<LockGate>>,
}

impl ReplayStore {
    /// On a store that is connected.
    pub(crate) fn new(
        inner: PostgresLedgerStore,
        sabotage: Sabotage,
        traced: &TracedTransaction,
        gate: LockGate,
    ) -> Self {
        let (clocks, ended) = (traced.clocks.clone(), traced.verdicts.is_some());
        let (calls, gate) = (Cell::new(0), Cell::new(Some(gate)));
        Self { inner, clocks, ended, abort: traced.abort, calls, sabotage, gate }
    }

    async fn wait_for_locks(&self) {
        if let Some((at_locks, may_go)) = self.gate.take() {
            // An error means that the replay is over.
            let _ = at_locks.send(());
            let _ = may_go.await;
        }
    }

    async fn call(&self) -> StoreResult<&PostgresLedgerStore> {
        let number = self.calls.get() + 1;
        self.calls.set(number);
        if let Some(abort) = self.abort.filter(|abort| abort.call == number) {
            return Err(abort.error());
        }
        let clock = self.clocks.get(number - 1).or(self.clocks.last().filter(|_| self.ended));
        // A transaction that was lost with the database ends with its last call.
        let Some(clock) = clock else { return Err(unavailable()) };
        replay::set_clock(replay::connection(&self.inner)?, *clock).await?;
        Ok(&self.inner)
    }
}

impl LedgerStore for ReplayStore {
    async fn connect(&mut self) -> StoreResult<()> {
        self.inner.connect().await
    }

    fn disconnect(&mut self) {
        self.inner.disconnect();
    }

    async fn begin(&self, items: &[Item<'_>]) -> StoreResult<()> {
        self.inner.begin(items).await
    }

    async fn stale_holds(
        &self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> StoreResult<Vec<StaleHold>> {
        self.call().await?.stale_holds(seats, travellers).await
    }

    async fn lock(&self, request: LockRequest<'_>) -> StoreResult<LockedSnapshot> {
        self.wait_for_locks().await;
        let mut snapshot = self.call().await?.lock(request).await?;
        if self.sabotage == Sabotage::TakenSeatsAreGranted {
            for state in snapshot.seats.values_mut() {
                state.held.clear();
                state.sold.clear();
            }
        }
        Ok(snapshot)
    }

    async fn flight_states(&self, versions: &[(FlightId, i64)]) -> StoreResult<Flights> {
        self.call().await?.flight_states(versions).await
    }

    async fn bind_keys(&self, wanted: &[(&Key, BookingId)]) -> StoreResult<HashSet<Vec<u8>>> {
        self.call().await?.bind_keys(wanted).await
    }

    async fn find_key(&self, key: &Key) -> StoreResult<Option<KnownKey>> {
        self.call().await?.find_key(key).await
    }

    async fn release_keys(&self, scopes: &[&[u8]]) -> StoreResult<()> {
        self.call().await?.release_keys(scopes).await
    }

    async fn taken_passengers(
        &self,
        asked: &[PassengerFlightKey],
    ) -> StoreResult<HashSet<PassengerFlightKey>> {
        self.call().await?.taken_passengers(asked).await
    }

    async fn used_locators(&self, locators: &[Locator]) -> StoreResult<HashSet<Locator>> {
        self.call().await?.used_locators(locators).await
    }

    async fn find_quote(&self, id: QuoteId) -> StoreResult<Option<Quote>> {
        self.call().await?.find_quote(id).await
    }

    async fn allocate_ticket_numbers(&self, count: usize) -> StoreResult<Vec<i64>> {
        // One by one, as the model: a ledger draws them ahead.
        replay::allocate_ticket_numbers(self.call().await?, count).await
    }

    /// Writes it all; whether it is committed is the trace's to say.
    async fn commit(&self, decision: BatchDecision<'_>) -> StoreResult<CommittedBatch> {
        replay::write(self.call().await?, &decision).await?;
        replay::append_events(self.call().await?, &decision).await?;
        Ok(decision.committed())
    }

    async fn roll_back(&self) -> StoreResult<()> {
        self.inner.roll_back().await
    }

    async fn read_back(&mut self, ids: &[BookingId]) -> StoreResult<HashMap<BookingId, LoadedBooking>> {
        self.inner.read_back(ids).await
    }
}
