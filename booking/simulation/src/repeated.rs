//! What an instance does by itself, again and again: it expires holds, sweeps payments, and has bookings follow their
//! flights.

use crate::{
    ledger,
    limits::EXPIRED,
    process::Process,
    scheduler::Owner,
    world::{World, unavailable},
};
use booking_engine::{
    booking::disruption::PendingDisruption,
    expire::{ExpireDeps, expire_holds},
    follow::{self, DisruptionStore, FollowDeps},
    saga::sweep::sweep,
    store_error::StoreResult,
};
use shared::ids::{BookingId, FlightId};
use std::{rc::Rc, time::Instant};

/// Starts it.
pub(crate) fn start(world: &Rc<World>, at: usize) {
    let sweeper = Process::new(world, at);
    world.spawn(Owner::Instance(at), async move {
        loop {
            let pause = sweeper.world.interval();
            sweeper.world.sleep(pause).await;
            // What fails is found again at the next look.
            let _ = expire_holds(&sweeper, EXPIRED).await;
            ledger::publish(&sweeper.world);
        }
    });
    let desk = Process::new(world, at);
    world.spawn(Owner::Instance(at), async move {
        loop {
            desk.sweep_payments().await;
            let pause = desk.world.interval();
            desk.world.sleep(pause).await;
        }
    });
    let disruptions = Process::new(world, at);
    world.spawn(Owner::Instance(at), async move {
        loop {
            disruptions.follow_flights().await;
            let pause = disruptions.world.interval();
            disruptions.world.sleep(pause).await;
        }
    });
}

impl Process {
    /// Carries on payments and refunds that nobody has in hand; what fails is found again at the next look.
    pub(crate) async fn sweep_payments(&self) {
        let _ = sweep(self).await;
    }

    /// Has bookings follow their flights; what fails is found again at the next look.
    pub(crate) async fn follow_flights(&self) {
        if follow::follow_all(self).await.is_ok_and(|count| count > 0) {
            self.sweep_payments().await;
        }
    }
}

impl ExpireDeps for Process {
    type Ledger = Self;

    fn ledger(&self) -> &Self {
        self
    }

    fn deadline(&self) -> Instant {
        self.command_deadline()
    }

    async fn ended_holds(&self, limit: usize) -> StoreResult<Vec<(BookingId, FlightId)>> {
        let world = &self.world;
        world.hop().await;
        let now = world.now();
        let mut database = world.database.borrow_mut();
        if database.is_down(now) {
            return Err(unavailable());
        }
        let clock = database.clock(now);
        let ended = database.rows.ended(clock, limit);
        // Housekeeping.
        let cleaned = world.random().chance(20).then(|| database.clean_keys(clock));
        if let Some(trace) = &world.trace {
            trace.borrow_mut().ended_holds(clock, limit, &ended, cleaned);
        }
        Ok(ended)
    }
}

impl FollowDeps for Process {
    type Store = Self;
    type Ledger = Self;

    fn store(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Self {
        self
    }

    fn deadline(&self) -> Instant {
        self.command_deadline()
    }
}

impl DisruptionStore for Process {
    async fn pending(&self, after: Option<FlightId>, limit: usize) -> StoreResult<Vec<PendingDisruption>> {
        self.world.hop().await;
        let database = self.world.database.borrow();
        if database.is_down(self.world.now()) {
            return Err(unavailable());
        }
        let changes = database.rows.pending(after, limit);
        if let Some(trace) = &self.world.trace {
            trace.borrow_mut().pending(after, limit, &changes);
        }
        Ok(changes)
    }

    async fn bookings_on(&self, flight: FlightId) -> StoreResult<Vec<BookingId>> {
        self.world.hop().await;
        let database = self.world.database.borrow();
        if database.is_down(self.world.now()) {
            return Err(unavailable());
        }
        let bookings = database.rows.bookings_on(flight);
        if let Some(trace) = &self.world.trace {
            trace.borrow_mut().bookings_on(flight, &bookings);
        }
        self.world.note(|| format!("instance {} has {} bookings follow {flight}", self.at, bookings.len()));
        Ok(bookings.into_iter().collect())
    }

    async fn followed(&self, change: PendingDisruption) -> StoreResult<()> {
        self.world.hop().await;
        let mut database = self.world.database.borrow_mut();
        if database.is_down(self.world.now()) {
            return Err(unavailable());
        }
        database.followed(change);
        if let Some(trace) = &self.world.trace {
            trace.borrow_mut().followed(change);
        }
        Ok(())
    }
}
