//! The ledger's port on PostgreSQL, under the trace's direction: the clock at each call, the wait for
//! the locks, and the call that fails.

use super::{
    database::{Abort, lost},
    replay::set_clock,
    trace::Batch,
    world::Fence,
};
use crate::{
    actors::ledger::PostgresTables,
    store::{self, flight_cache::FlightCache},
};
use booking_engine::ledger::{
    cache::Memory,
    rows::{Known, Place, SeatRow, StaleHold, TravellerRow},
    store_port::{Opened, Opening, Tables, Writes},
};
use booking_engine::{
    booking::{idempotency::Key, locator::Locator, record::Flights},
    payment::quote::{Quote, QuoteId},
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    events::Event,
    ids::{BookingId, FlightId},
};
use std::collections::HashSet;
use tokio::sync::oneshot;

/// See the module.
pub(super) struct ReplayTables<'a> {
    inner: PostgresTables<'a>,
    clocks: Vec<DateTime<Utc>>,
    /// Whether it came to its end on the model: then it may make more calls here, where it does otherwise.
    ended: bool,
    abort: Option<Abort>,
    calls: usize,
    fence: Fence,
    gate: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

impl<'a> ReplayTables<'a> {
    /// `gate`: tells that the locks are asked for, and waits until they may be had.
    pub(super) fn new(
        connection: &'a AsyncPgConnection,
        (flights, memory, fence): (&'a FlightCache, &'a Memory, Fence),
        batch: &Batch,
        gate: (oneshot::Sender<()>, oneshot::Receiver<()>),
    ) -> Self {
        let inner = PostgresTables { connection, flights, memory };
        let (clocks, ended) = (batch.clocks.clone(), batch.verdicts.is_some());
        Self { inner, clocks, ended, abort: batch.abort, calls: 0, fence, gate: Some(gate) }
    }

    async fn wait_for_locks(&mut self) {
        if let Some((at_locks, may_go)) = self.gate.take() {
            // Errors mean that nobody directs any longer.
            let _ = at_locks.send(());
            let _ = may_go.await;
        }
    }

    async fn call(&mut self) -> QueryResult<&mut PostgresTables<'a>> {
        self.calls += 1;
        if let Some(abort) = self.abort.filter(|abort| abort.call == self.calls) {
            return Err(abort.error());
        }
        let clock = self.clocks.get(self.calls - 1).or(self.clocks.last().filter(|_| self.ended));
        // One that was lost with the database ends with its last call.
        let Some(clock) = clock else { return Err(lost()) };
        set_clock(self.inner.connection, *clock).await?;
        Ok(&mut self.inner)
    }
}

impl Tables for ReplayTables<'_> {
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<StaleHold>> {
        self.call().await?.stale_holders(seats, travellers).await
    }

    async fn open(&mut self, opening: Opening<'_>) -> QueryResult<Opened> {
        self.wait_for_locks().await;
        let mut opened = self.call().await?.open(opening).await?;
        if self.fence == Fence::TakenSeatsAreGranted {
            for state in opened.seats.values_mut() {
                state.held.clear();
                state.sold.clear();
            }
        }
        Ok(opened)
    }

    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights> {
        self.call().await?.flight_states(versions).await
    }

    async fn bind_keys(&mut self, wanted: &[(&Key, BookingId)]) -> QueryResult<HashSet<Vec<u8>>> {
        self.call().await?.bind_keys(wanted).await
    }

    async fn find_key(&mut self, key: &Key) -> QueryResult<Option<Known>> {
        self.call().await?.find_key(key).await
    }

    async fn release_keys(&mut self, scopes: &[&[u8]]) -> QueryResult<()> {
        self.call().await?.release_keys(scopes).await
    }

    async fn places_taken(&mut self, asked: &[Place]) -> QueryResult<HashSet<Place>> {
        self.call().await?.places_taken(asked).await
    }

    async fn used_locators(&mut self, locators: &[Locator]) -> QueryResult<HashSet<Locator>> {
        self.call().await?.used_locators(locators).await
    }

    async fn find_quote(&mut self, id: QuoteId) -> QueryResult<Option<Quote>> {
        self.call().await?.find_quote(id).await
    }

    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        // One by one, as the model: a ledger draws them ahead.
        store::passengers::draw_documents(self.call().await?.connection, count).await
    }

    async fn store(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        self.call().await?.store(writes).await
    }

    async fn append(&mut self, events: &[Event]) -> QueryResult<()> {
        self.call().await?.append(events).await
    }
}
