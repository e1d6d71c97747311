//! `SeatAllocator`: one actor a flight that owns the flight's seats in memory.
//!
//! It serialises claims. A request for a taken seat is refused at once, without the database. Seats that are granted
//! stay reserved until the ledger has decided. What it knows and how it decides is in its [`SeatInventory`], a cache:
//! the allocator may be killed at any moment, live in several instances at once, and be behind. Where the inventory is
//! not sure, the allocator first reads the seats, once for all requests that wait.

use crate::store::{self, errors::pool_error, flight_cache::FlightCache};
use actix::prelude::*;
use booking_engine::{
    inventory::{
        flight::Flight,
        seat_inventory::{
            ClockReading, HoldExpiries, ReservationDecision, ReservationId, SeatGrant, SeatInventory,
            SeatRequest, SeatSnapshot,
        },
        seat_map::SeatMap,
    },
    ports::ReserveError,
};
use chrono::Utc;
use shared::{
    db::{DbError, Pool},
    events::SeatsState,
    ids::FlightId,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout},
};

/// Requests that wait for an allocator; more are refused.
pub(super) const MAILBOX: usize = 1024;

/// How long a flight may take to be read.
const READING: Duration = Duration::from_secs(2);

/// Reserves seats until the deadline.
#[derive(Message)]
#[rtype(result = "Result<SeatGrant, ReserveError>")]
pub(super) struct Reserve {
    pub(super) wanted: SeatRequest,
    pub(super) deadline: Instant,
}

/// Releases a reservation: the ledger has decided.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Release(pub(super) ReservationId);

/// The seats as they are after a commit, of this instance or another.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ApplySeats {
    pub(super) state: Arc<SeatsState>,
    /// The holds that the commit made or changed, if it was one of this instance.
    pub(super) holds: Option<HoldExpiries>,
}

/// The holds after a commit of this instance that changed no seats.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ApplyHoldExpiries(pub(super) HoldExpiries);

/// The cached seats are stale: reload before the next answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Invalidate;

/// The flight changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FlightChanged(pub(super) Flight);

/// The flight may have changed: reload it.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
pub(super) struct Reload;

/// Asks for the seat map.
#[derive(Message)]
#[rtype(result = "Result<SeatMap, DbError>")]
pub(super) struct GetSeatMap;

/// See the module.
pub(super) struct SeatAllocator {
    id: FlightId,
    flight: watch::Sender<Flight>,
    pool: Pool,
    flights: FlightCache,
    inventory: SeatInventory,
    /// Requests that wait for the read of the seats; a read runs while there are any.
    waiting: Vec<oneshot::Sender<Result<(), SeatsUnread>>>,
}

/// The seats could not be read.
#[derive(Debug, Clone)]
struct SeatsUnread(Arc<DbError>);

impl SeatAllocator {
    /// An allocator for a flight that was just read; that reading began at this instant.
    pub(super) fn new(
        flight: watch::Sender<Flight>,
        (read, begun): (&SeatSnapshot, std::time::Instant),
        (pool, flights): (Pool, FlightCache),
        tie_break: usize,
    ) -> Self {
        let id = flight.borrow().state.id;
        let inventory = SeatInventory::new(id, read, begun, tie_break);
        Self { id, flight, pool, flights, inventory, waiting: Vec::new() }
    }

    /// Reads the seats, once for all requests that wait at the same time.
    fn refresh(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result<(), DbError>> + 'static {
        let (done, read) = oneshot::channel();
        self.waiting.push(done);
        if self.waiting.len() == 1 {
            let (pool, flights, id) = (self.pool.clone(), self.flights.clone(), self.id);
            // A task of its own: a dropped query would leave its answer to the next user of the connection.
            let task = actix::spawn(async move { read_flight(&pool, &flights, id).await });
            let begun = now();
            ctx.spawn(task.into_actor(self).map(move |read, allocator, ctx| match read {
                Ok(Ok(Some((flight, read)))) => {
                    allocator.inventory.apply_snapshot(&read, begun);
                    // An event may have brought a newer flight meanwhile. The same version counts: closing a flight
                    // for sale does not raise it.
                    if flight.state.version >= allocator.flight.borrow().state.version {
                        allocator.flight.send_replace(flight);
                        allocator.inventory.flight_known(now());
                    }
                    allocator.wake(&Ok(()));
                }
                // The flight is gone, or reading panicked: the directory starts again from the database.
                Ok(Ok(None)) | Err(_) => ctx.stop(),
                Ok(Err(error)) => allocator.wake(&Err(SeatsUnread(Arc::new(error)))),
            }));
        }
        async move {
            match read.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(SeatsUnread(error))) => Err(DbError::Unavailable(error.to_string().into())),
                Err(_) => Err(DbError::Unavailable("the allocator was stopped".into())),
            }
        }
    }

    fn wake(&mut self, result: &Result<(), SeatsUnread>) {
        // An error means that nobody waits any longer.
        self.waiting.drain(..).for_each(|waiter| drop(waiter.send(result.clone())));
    }

    fn map(&self) -> SeatMap {
        self.inventory.map(&self.flight.borrow().state)
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn moment() -> ClockReading {
    ClockReading { now: now(), utc: Utc::now() }
}

/// A flight and its seats from the database, within two seconds: several requests wait for the same read.
pub(super) async fn read_flight(
    pool: &Pool,
    flights: &FlightCache,
    id: FlightId,
) -> Result<Option<(Flight, SeatSnapshot)>, DbError> {
    let silent = |_| Err(DbError::Unavailable("the database is silent".into()));
    timeout(READING, read(pool, flights, id)).await.unwrap_or_else(silent)
}

async fn read(
    pool: &Pool,
    flights: &FlightCache,
    id: FlightId,
) -> Result<Option<(Flight, SeatSnapshot)>, DbError> {
    let connection = pool.get().await?;
    let Some(read) = store::flights::read_seats(&connection, id).await? else { return Ok(None) };
    let states = flights.at_versions(&connection, [(id, read.version)]).await?;
    Ok(states.get(&id).map(|state| (Flight { on_sale: read.on_sale, state: state.clone() }, read)))
}

impl Actor for SeatAllocator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Reserve> for SeatAllocator {
    type Result = ResponseActFuture<Self, Result<SeatGrant, ReserveError>>;

    // Interleaves: while the seats are read, other requests are served.
    fn handle(&mut self, message: Reserve, ctx: &mut Context<Self>) -> Self::Result {
        if message.deadline <= Instant::now() {
            return Box::pin(fut::ready(Err(ReserveError::Overloaded)));
        }
        let deadline = message.deadline.into_std();
        let flight = self.flight.borrow().clone();
        match self.inventory.decide(&flight, &message.wanted, deadline, moment()) {
            ReservationDecision::Granted(reservation) => Box::pin(fut::ready(Ok(reservation))),
            ReservationDecision::Refused(refusal) => {
                Box::pin(fut::ready(Err(ReserveError::Refused(refusal))))
            }
            ReservationDecision::Unsure => {
                let refreshed = self.refresh(ctx).into_actor(self);
                Box::pin(refreshed.map(move |refreshed, allocator, _| {
                    refreshed.map_err(|error| ReserveError::Failed(pool_error(error)))?;
                    let flight = allocator.flight.borrow().clone();
                    let reserved = allocator.inventory.reserve(&flight, &message.wanted, deadline, moment());
                    reserved.map_err(ReserveError::Refused)
                }))
            }
        }
    }
}

impl Handler<Release> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, Release(reservation): Release, _: &mut Context<Self>) {
        self.inventory.release(reservation, now());
    }
}

impl Handler<ApplySeats> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, ApplySeats { state, holds }: ApplySeats, _: &mut Context<Self>) {
        self.inventory.apply_seats(&state, now());
        if let Some(holds) = holds {
            self.inventory.apply_hold_expiries(&holds);
        }
    }
}

impl Handler<ApplyHoldExpiries> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, ApplyHoldExpiries(holds): ApplyHoldExpiries, _: &mut Context<Self>) {
        self.inventory.apply_hold_expiries(&holds);
    }
}

impl Handler<Invalidate> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, _: Invalidate, _: &mut Context<Self>) {
        self.inventory.invalidate();
    }
}

impl Handler<FlightChanged> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, FlightChanged(flight): FlightChanged, _: &mut Context<Self>) {
        if flight.state.version > self.flight.borrow().state.version {
            self.flight.send_replace(flight);
            self.inventory.flight_known(now());
        }
    }
}

impl Handler<Reload> for SeatAllocator {
    type Result = ResponseFuture<Result<(), DbError>>;

    // Interleaves: while the flight is read, other requests are served.
    fn handle(&mut self, _: Reload, ctx: &mut Context<Self>) -> Self::Result {
        Box::pin(self.refresh(ctx))
    }
}

impl Handler<GetSeatMap> for SeatAllocator {
    type Result = ResponseActFuture<Self, Result<SeatMap, DbError>>;

    // Interleaves: while the seats are read, other requests are served.
    fn handle(&mut self, _: GetSeatMap, ctx: &mut Context<Self>) -> Self::Result {
        if self.inventory.is_fresh(now()) {
            return Box::pin(fut::ready(Ok(self.map())));
        }
        let refreshed = self.refresh(ctx).into_actor(self);
        Box::pin(refreshed.map(|refreshed, allocator, _| refreshed.map(|()| allocator.map())))
    }
}

#[cfg(test)]
impl Handler<super::fault::Die> for SeatAllocator {
    type Result = ();

    fn handle(&mut self, _: super::fault::Die, _: &mut Context<Self>) {
        panic!("a fault in the allocator, on purpose");
    }
}
