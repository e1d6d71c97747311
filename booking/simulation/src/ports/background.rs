//! The loops of an instance: it expires holds, sweeps payments, and has bookings follow their flights.

use crate::{
    ground::{TaskOwner, limits::EXPIRED},
    ports::{bus, instance_ports::InstancePorts},
    world::SimulatedWorld,
};
use booking_engine::{
    booking::disruption::PendingDisruption,
    expire::{ExpireDeps, expire_holds},
    follow::{self, DisruptionStore, FollowDeps},
    store_error::StoreResult,
};
use shared::ids::{BookingId, FlightId};
use std::{rc::Rc, time::Instant};

/// Starts the loops of an instance.
pub(crate) fn start(world: &Rc<SimulatedWorld>, at: usize) {
    let sweeper = InstancePorts::new(world, at);
    world.spawn(TaskOwner::Instance(at), async move {
        loop {
            let pause = sweeper.world.interval();
            sweeper.world.sleep(pause).await;
            // The next look finds again what fails.
            let _ = expire_holds(&sweeper, EXPIRED).await;
            bus::publish(&sweeper.world);
        }
    });
    let desk = InstancePorts::new(world, at);
    world.spawn(TaskOwner::Instance(at), async move {
        loop {
            desk.sweep_payments().await;
            let pause = desk.world.interval();
            desk.world.sleep(pause).await;
        }
    });
    let disruptions = InstancePorts::new(world, at);
    world.spawn(TaskOwner::Instance(at), async move {
        loop {
            disruptions.follow_flights().await;
            let pause = disruptions.world.interval();
            disruptions.world.sleep(pause).await;
        }
    });
}

impl InstancePorts {
    /// Has bookings follow their flights. The next look finds again what fails.
    pub(crate) async fn follow_flights(&self) {
        if follow::follow_all(self).await.is_ok_and(|count| count > 0) {
            self.sweep_payments().await;
        }
    }
}

impl ExpireDeps for InstancePorts {
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
        let mut database = world.reach_database()?;
        let clock = database.clock(world.now());
        let ended = database.rows.ended(clock, limit);
        // Housekeeping.
        let cleaned = world.random().chance(20).then(|| database.clean_keys(clock));
        world.record(|trace| trace.ended_holds(clock, limit, &ended, cleaned));
        Ok(ended)
    }
}

impl FollowDeps for InstancePorts {
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

impl DisruptionStore for InstancePorts {
    async fn pending(&self, after: Option<FlightId>, limit: usize) -> StoreResult<Vec<PendingDisruption>> {
        self.world.hop().await;
        let database = self.world.reach_database()?;
        let changes = database.rows.pending(after, limit);
        self.world.record(|trace| trace.pending(after, limit, &changes));
        Ok(changes)
    }

    async fn bookings_on(&self, flight: FlightId) -> StoreResult<Vec<BookingId>> {
        self.world.hop().await;
        let database = self.world.reach_database()?;
        let bookings = database.rows.bookings_on(flight);
        self.world.record(|trace| trace.bookings_on(flight, &bookings));
        self.world.note(|| format!("instance {} has {} bookings follow {flight}", self.at, bookings.len()));
        Ok(bookings.into_iter().collect())
    }

    async fn followed(&self, change: PendingDisruption) -> StoreResult<()> {
        self.world.hop().await;
        let mut database = self.world.reach_database()?;
        database.followed(change);
        self.world.record(|trace| trace.followed(change));
        Ok(())
    }
}
