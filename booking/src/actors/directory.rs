//! `AllocatorDirectory`: starts allocators on demand from the database, and passivates idle ones.
//!
//! Requests find running allocators in a shared map, without a hop through the directory's mailbox. Only a start goes
//! through the actor, which reads a flight once for all requests that come at the same time. A dead allocator is found
//! closed, forgotten, and started again. [`Allocators`] bounds their number.

use super::{
    allocator::{
        ApplyHoldExpiries, ApplySeats, FlightChanged, GetSeatMap, Invalidate, Release, Reload, Reserve,
        SeatAllocator, read_flight,
    },
    allocators::{AllocatorEntry, AllocatorLimits, Allocators},
    arbiter::LastingArbiter,
    arrivals::Arrivals,
    seat_map::{FlightUpdate, RunningFeeds},
    shards::shard_of,
};
use crate::{
    deadline::left,
    store::{errors::pool_error, flight_cache::FlightCache},
};
use actix::prelude::*;
use booking_engine::{
    booking::refusal::Refusal,
    inventory::{
        flight::Flight,
        seat_inventory::{HoldExpiries, ReservationId, SeatGrant, SeatRequest},
        seat_map::SeatMap,
    },
    ports::{FlightError, FlightInventory, FlightOffer, RequestContext, ReserveError},
};
use shared::{
    db::{DbError, Pool},
    events::SeatsState,
    ids::{self, FlightId},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

/// How long the directory or an allocator has for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// An unknown flight with a younger id may still be on its way to us.
const YOUNG: Duration = Duration::from_secs(10);
/// How long a request waits for a young flight.
const ARRIVAL: Duration = Duration::from_secs(2);
/// The longest pause between two searches for idle allocators.
const SWEEP: Duration = Duration::from_secs(30);

/// Reads a flight and starts its allocator, unless it runs.
#[derive(Message)]
#[rtype(result = "Result<Option<AllocatorEntry>, DbError>")]
struct StartAllocator(FlightId);

/// The answer to the requests that wait for the start of an allocator.
type StartedAllocator = Result<Option<AllocatorEntry>, Arc<DbError>>;

/// A cloneable handle of the directory and, through it, of all allocators. Clones share everything.
#[derive(Clone)]
pub(crate) struct Directory(Arc<DirectoryParts>);

struct DirectoryParts {
    running: Allocators,
    actor: Addr<AllocatorDirectory>,
    arrivals: Arrivals,
    /// They get the same updates as the allocators.
    feeds: RunningFeeds,
}

impl Directory {
    /// Starts the directory on the present arbiter; its allocators go to the shards. `arrivals`: a connection for requests
    /// that wait for a flight.
    pub(crate) fn start(
        (pool, arrivals): (Pool, Pool),
        flights: FlightCache,
        shards: Vec<LastingArbiter>,
        limits: AllocatorLimits,
    ) -> Self {
        let running = Allocators::new(limits);
        let tie_break = rand::random_range(0..997);
        let arrivals = Arrivals::start(arrivals);
        let actor = AllocatorDirectory {
            running: running.clone(),
            pool,
            flights,
            shards,
            sweep: limits.idle.clamp(Duration::from_millis(10), SWEEP),
            tie_break,
            starting: HashMap::new(),
        };
        let (actor, feeds) = (actor.start(), RunningFeeds::default());
        Self(Arc::new(DirectoryParts { running, actor, arrivals, feeds }))
    }

    /// The live seat maps. The directory passes its updates on to them.
    pub(crate) fn feeds(&self) -> &RunningFeeds {
        &self.0.feeds
    }

    async fn find(&self, id: FlightId, context: RequestContext) -> Result<AllocatorEntry, FlightError> {
        if let Some(entry) = self.find_now(id, context).await? {
            return Ok(entry);
        }
        if ids::age(id.0).is_none_or(|age| age >= YOUNG) {
            return Err(FlightError::Unknown);
        }
        let place = self.0.arrivals.enter(id, context)?;
        let until = (Instant::now() + ARRIVAL).min(context.deadline.into());
        while self.0.arrivals.wait(&place, until).await? {
            if let Some(entry) = self.find_now(id, context).await? {
                return Ok(entry);
            }
        }
        // The last read may have been long ago, or may never have come: the database decides. A request without the
        // time for that gets `Overloaded`, not `Unknown`.
        self.find_now(id, context).await?.ok_or(FlightError::Unknown)
    }

    /// A flight's allocator, started if it does not run; `None` where there is no such flight.
    async fn find_now(
        &self,
        id: FlightId,
        context: RequestContext,
    ) -> Result<Option<AllocatorEntry>, FlightError> {
        if let Some(entry) = self.0.running.find(id) {
            return Ok(Some(entry));
        }
        let started =
            self.0.actor.send(StartAllocator(id)).timeout(left(context.deadline, ANSWER_TIMEOUT)).await;
        started.map_err(|_| FlightError::Overloaded)?.map_err(failed)
    }

    /// A flight's seat map.
    pub(crate) async fn seat_map(
        &self,
        id: FlightId,
        context: RequestContext,
    ) -> Result<SeatMap, FlightError> {
        for _ in 0..2 {
            let entry = self.find(id, context).await?;
            let _place = entry.readers.try_acquire().map_err(|_| FlightError::Overloaded)?;
            match entry.allocator.send(GetSeatMap).timeout(left(context.deadline, ANSWER_TIMEOUT)).await {
                Ok(answer) => return answer.map_err(failed),
                Err(MailboxError::Closed) => self.0.running.forget(id, &entry),
                Err(MailboxError::Timeout) => return Err(FlightError::Overloaded),
            }
        }
        Err(FlightError::Overloaded)
    }

    /// Kills the allocator of a flight as a fault in it would; ready when it is dead.
    #[cfg(test)]
    pub(crate) async fn kill(&self, id: FlightId) {
        let Some(AllocatorEntry { allocator, .. }) = self.0.running.find(id) else { panic!("none runs") };
        assert!(allocator.send(super::fault::Die).await.is_err(), "it does not live to answer");
        while allocator.connected() {
            tokio::task::yield_now().await;
        }
    }

    fn send<M>(&self, id: FlightId, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        SeatAllocator: Handler<M>,
    {
        self.0.running.look(id, |entry| {
            // A fresh address always gets one message in: a full mailbox loses no update. An error means that the
            // allocator has died; it starts again from the database.
            let _ = entry.allocator.clone().try_send(message);
        });
    }

    /// Sends the seats after a commit to the flight's allocator and feed, if they run here. `holds`: the holds that the
    /// commit made or changed, if it was one of this instance.
    pub(crate) fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>) {
        let state = Arc::new(state);
        self.0.feeds.update(state.flight_id, || FlightUpdate::Seats(Arc::clone(&state)));
        let (id, version) = (state.flight_id, state.version);
        self.send(id, ApplySeats { state, holds });
        self.0.running.look(id, |entry| entry.sent_version.fetch_max(version, Ordering::Relaxed));
    }

    /// Sends the holds after a commit of this instance that changed no seats to the flight's allocator, if it runs
    /// here.
    pub(crate) fn holds_changed(&self, id: FlightId, holds: HoldExpiries) {
        self.send(id, ApplyHoldExpiries(holds));
    }

    /// Whether an allocator or a feed here lacks this version of the flight's seats. The commits of this instance came
    /// from its ledger, before the bus.
    pub(crate) fn lacks_version(&self, id: FlightId, version: i64) -> bool {
        match self.0.running.look(id, |entry| entry.sent_version.load(Ordering::Relaxed)) {
            Some(sent) => sent < version,
            None => self.0.feeds.follows(id),
        }
    }

    /// Sends a changed flight to its allocator and feed, if they run here.
    pub(crate) fn flight_changed(&self, flight: Flight) {
        self.0.feeds.update(flight.state.id, || FlightUpdate::Flight(flight.clone()));
        self.send(flight.state.id, FlightChanged(flight));
    }

    /// Wakes the requests that wait for unknown flights.
    pub(crate) fn flights_arrived(&self) {
        self.0.arrivals.nudge();
    }

    /// The flights whose allocators or feeds run here.
    pub(crate) fn active(&self) -> Vec<FlightId> {
        let mut active = self.0.feeds.flights();
        active.extend(self.0.running.flights());
        active.sort_unstable();
        active.dedup();
        active
    }
}

impl FlightInventory for Directory {
    type Offer = AllocatorOffer;

    async fn offer(&self, id: FlightId, context: RequestContext) -> Result<AllocatorOffer, FlightError> {
        Ok(AllocatorOffer { id, entry: self.find(id, context).await?, directory: self.clone() })
    }

    async fn reload(&self, id: FlightId, context: RequestContext) -> Result<AllocatorOffer, FlightError> {
        for _ in 0..2 {
            let entry = self.find(id, context).await?;
            let place = entry.places.clone().try_acquire_owned().map_err(|_| FlightError::Overloaded)?;
            match entry.allocator.send(Reload).timeout(left(context.deadline, ANSWER_TIMEOUT)).await {
                Ok(answer) => {
                    answer.map_err(failed)?;
                    drop(place);
                    return Ok(AllocatorOffer { id, entry, directory: self.clone() });
                }
                Err(MailboxError::Closed) => self.0.running.forget(id, &entry),
                Err(MailboxError::Timeout) => return Err(FlightError::Overloaded),
            }
        }
        Err(FlightError::Overloaded)
    }

    fn invalidate(&self, id: FlightId) {
        self.0.feeds.update(id, || FlightUpdate::Invalidated);
        self.send(id, Invalidate);
    }
}

/// A flight that was looked up, with its allocator.
pub(crate) struct AllocatorOffer {
    id: FlightId,
    entry: AllocatorEntry,
    directory: Directory,
}

impl AllocatorOffer {
    /// Asks an allocator; `None` if it has died.
    async fn ask(
        &self,
        entry: &AllocatorEntry,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<Option<(SeatGrant, Reservation)>, ReserveError> {
        let _place = entry.places.try_acquire().map_err(|_| ReserveError::Overloaded)?;
        let message = Reserve { wanted: request.clone(), deadline: context.deadline.into() };
        match entry.allocator.send(message).timeout(left(context.deadline, Duration::MAX)).await {
            Ok(answer) => {
                let grant = answer?;
                let reservation = Reservation { entry: entry.clone(), id: grant.reservation };
                Ok(Some((grant, reservation)))
            }
            Err(MailboxError::Closed) => {
                self.directory.0.running.forget(self.id, entry);
                Ok(None)
            }
            Err(MailboxError::Timeout) => Err(ReserveError::Overloaded),
        }
    }
}

impl FlightOffer for AllocatorOffer {
    type Reservation = Reservation;

    fn flight(&self) -> Flight {
        self.entry.flight.borrow().clone()
    }

    async fn reserve(
        &self,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<(SeatGrant, Reservation), ReserveError> {
        if let Some(reserved) = self.ask(&self.entry, request, context).await? {
            return Ok(reserved);
        }
        // An allocator that has just died is started again.
        let entry = self.directory.find(self.id, context).await.map_err(|error| match error {
            FlightError::Unknown => ReserveError::Refused(Refusal::NotFound),
            FlightError::Failed(error) => ReserveError::Failed(error),
            FlightError::Overloaded => ReserveError::Overloaded,
        })?;
        self.ask(&entry, request, context).await?.ok_or(ReserveError::Overloaded)
    }
}

/// Keeps seats from other requests until it is dropped. Its allocator lives at least as long.
pub(crate) struct Reservation {
    entry: AllocatorEntry,
    id: ReservationId,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // An error means that the allocator has died, and the reservation with it.
        let _ = self.entry.allocator.try_send(Release(self.id));
    }
}

fn failed(error: DbError) -> FlightError {
    FlightError::Failed(pool_error(error))
}

/// See the module.
struct AllocatorDirectory {
    running: Allocators,
    pool: Pool,
    flights: FlightCache,
    shards: Vec<LastingArbiter>,
    /// Between two searches for idle allocators.
    sweep: Duration,
    tie_break: usize,
    /// Requests that wait for a flight that is being read.
    starting: HashMap<FlightId, Vec<oneshot::Sender<StartedAllocator>>>,
}

impl AllocatorDirectory {
    /// Reads a flight in a task that nobody aborts, starts its allocator, and answers all requests that wait.
    fn begin(&self, id: FlightId, ctx: &mut Context<Self>) {
        let (pool, flights) = (self.pool.clone(), self.flights.clone());
        let begun = Instant::now().into_std();
        let task = actix::spawn(async move { read_flight(&pool, &flights, id).await });
        // Interleaves: other flights are looked up meanwhile.
        ctx.spawn(task.into_actor(self).map(move |read, directory, _| {
            let answer = match read {
                Ok(Ok(Some((flight, read)))) => {
                    let (sender, receiver) = watch::channel(flight);
                    let allocator_deps = (directory.pool.clone(), directory.flights.clone());
                    let tie_break = directory.tie_break;
                    let shard = directory.shards[shard_of(id, directory.shards.len())].handle();
                    let allocator = SeatAllocator::start_in_arbiter(&shard, move |_| {
                        SeatAllocator::new(sender, (&read, begun), allocator_deps, tie_break)
                    });
                    let entry = AllocatorEntry::new(allocator, receiver);
                    directory.running.insert(id, entry.clone());
                    Ok(Some(entry))
                }
                Ok(Ok(None)) => Ok(None),
                Ok(Err(error)) => Err(Arc::new(error)),
                Err(error) => Err(Arc::new(DbError::Unavailable(error.to_string().into()))),
            };
            for waiter in directory.starting.remove(&id).unwrap_or_default() {
                // An error means that nobody waits any longer.
                let _ = waiter.send(answer.clone());
            }
        }));
    }
}

impl Actor for AllocatorDirectory {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(1024);
        ctx.run_interval(self.sweep, |directory, _| {
            directory.running.passivate();
            directory.flights.measure();
        });
    }
}

impl Handler<StartAllocator> for AllocatorDirectory {
    type Result = ResponseFuture<Result<Option<AllocatorEntry>, DbError>>;

    // Interleaves: only the waiting is in the answer, the work is in `begin`.
    fn handle(&mut self, StartAllocator(id): StartAllocator, ctx: &mut Context<Self>) -> Self::Result {
        if let Some(entry) = self.running.find(id) {
            return Box::pin(std::future::ready(Ok(Some(entry))));
        }
        let (done, found) = oneshot::channel();
        let waiting = self.starting.entry(id).or_default();
        waiting.push(done);
        if waiting.len() == 1 {
            self.begin(id, ctx);
        }
        Box::pin(async move {
            match found.await {
                Ok(answer) => answer.map_err(|error| DbError::Unavailable(error.to_string().into())),
                Err(_) => Err(DbError::Unavailable("the directory was stopped".into())),
            }
        })
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
