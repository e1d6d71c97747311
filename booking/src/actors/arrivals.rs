//! `Arrivals`: looks for flights that are not in the inventory yet, for the requests that wait for them.
//!
//! One statement asks for all of them at once, 100 ms after the one before, and when the bus has brought flights. So
//! the cost does not grow with the number of requests. Flights and requests are bounded, for each client and in all:
//! a client that invents ids keeps only itself from waiting.

use crate::store::{self, errors::pool_error};
use actix::prelude::*;
use booking_engine::ports::{FlightError, RequestContext};
use shared::{
    db::{DbError, Pool},
    ids::FlightId,
};
use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

/// Flights that one client may wait for at once.
pub(super) const OF_CLIENT: usize = 16;
/// Flights that all clients may wait for at once; one counts for each client that waits for it.
pub(super) const OF_ALL_CLIENTS: usize = 1024;
/// The pause between two reads of the table: the event may have gone to another instance.
const PAUSE: Duration = Duration::from_millis(100);

/// Requests of one client that may wait for the same flight.
pub(super) const OF_FLIGHT: usize = 512;
/// Requests that may wait in all.
const REQUESTS: usize = 4096;

/// The answer to the requests that wait for a flight.
type ArrivalOutcome = Result<(), Arc<DbError>>;

/// Waits for a flight.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
struct AwaitFlight(FlightId);

/// Reads the table now.
#[derive(Message)]
#[rtype(result = "()")]
struct LookNow;

/// A cloneable handle of the actor.
#[derive(Clone)]
pub(super) struct Arrivals {
    actor: Addr<PendingFlightWaiter>,
    waiting: Arc<Mutex<WaitingRequests>>,
}

/// The requests that wait.
#[derive(Default)]
struct WaitingRequests {
    /// How many, by client and flight.
    places: BTreeMap<(IpAddr, FlightId), usize>,
    /// All of them.
    requests: usize,
}

impl WaitingRequests {
    /// Adds a request within the limits: requests for the flight, flights of the client, and all requests.
    fn enter(&mut self, client: IpAddr, flight: FlightId) -> bool {
        if self.requests >= REQUESTS {
            return false;
        }
        let (first, last) = (FlightId(Uuid::nil()), FlightId(Uuid::max()));
        let fits = match self.places.get(&(client, flight)) {
            Some(requests) => *requests < OF_FLIGHT,
            None => {
                self.places.len() < OF_ALL_CLIENTS
                    && self.places.range((client, first)..=(client, last)).count() < OF_CLIENT
            }
        };
        if fits {
            *self.places.entry((client, flight)).or_default() += 1;
            self.requests += 1;
        }
        fits
    }

    fn leave(&mut self, client: IpAddr, flight: FlightId) {
        if let Entry::Occupied(mut entry) = self.places.entry((client, flight)) {
            self.requests -= 1;
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// A request's place among those that wait for a flight; given back when it is dropped.
pub(super) struct WaitingPlace {
    waiting: Arc<Mutex<WaitingRequests>>,
    client: IpAddr,
    flight: FlightId,
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        lock(&self.waiting).leave(self.client, self.flight);
    }
}

fn lock(waiting: &Mutex<WaitingRequests>) -> MutexGuard<'_, WaitingRequests> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arrivals {
    /// Starts the actor on the present arbiter.
    pub(super) fn start(pool: Pool) -> Self {
        let waiter = PendingFlightWaiter { pool, waiting: HashMap::new(), state: LookState::Idle };
        Self { actor: waiter.start(), waiting: Arc::default() }
    }

    /// A place among the requests that wait, for a request's client.
    ///
    /// # Errors
    /// `Overloaded` at the limit of the client, or of all clients.
    pub(super) fn enter(
        &self,
        flight: FlightId,
        RequestContext { client, .. }: RequestContext,
    ) -> Result<WaitingPlace, FlightError> {
        match lock(&self.waiting).enter(client, flight) {
            true => Ok(WaitingPlace { waiting: Arc::clone(&self.waiting), client, flight }),
            false => Err(FlightError::Overloaded),
        }
    }

    /// Waits for the flight of a place. Gives whether it came in time; if not, it may have come since.
    pub(super) async fn wait(&self, place: &WaitingPlace, until: Instant) -> Result<bool, FlightError> {
        let left = until.saturating_duration_since(Instant::now());
        match self.actor.send(AwaitFlight(place.flight)).timeout(left).await {
            Ok(arrived) => arrived.map(|()| true).map_err(|error| FlightError::Failed(pool_error(error))),
            Err(MailboxError::Timeout) => Ok(false),
            Err(MailboxError::Closed) => Err(FlightError::Overloaded),
        }
    }

    /// The requests that wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.waiting).requests
    }

    /// Flights have come: perhaps some that requests wait for.
    pub(super) fn nudge(&self) {
        if self.waiting() > 0 {
            // A full mailbox holds other messages that start a read.
            let _ = self.actor.try_send(LookNow);
        }
    }
}

/// See the module.
struct PendingFlightWaiter {
    pool: Pool,
    waiting: HashMap<FlightId, Vec<oneshot::Sender<ArrivalOutcome>>>,
    state: LookState,
}

enum LookState {
    /// Nobody waits.
    Idle,
    /// The next read comes after the pause.
    Due(SpawnHandle),
    /// A read runs. `repeat`: flights have come since it began.
    Looking { repeat: bool },
}

impl PendingFlightWaiter {
    /// Reads the flights of all requests that still wait, in a task that nobody aborts.
    fn look(&mut self, ctx: &mut Context<Self>) {
        self.waiting.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        if self.waiting.is_empty() {
            self.state = LookState::Idle;
            return;
        }
        self.state = LookState::Looking { repeat: false };
        let (pool, ids) = (self.pool.clone(), self.waiting.keys().map(|id| id.0).collect::<Vec<Uuid>>());
        let task = actix::spawn(async move {
            let connection = pool.get().await?;
            store::flights::known(&connection, ids).await.map_err(DbError::from)
        });
        // Interleaves: other requests begin to wait meanwhile.
        ctx.spawn(task.into_actor(self).map(|looked, pending, ctx| {
            match looked {
                Ok(Ok(known)) => known.into_iter().for_each(|id| pending.answer(id, &Ok(()))),
                Ok(Err(error)) => pending.answer_all(error),
                Err(error) => pending.answer_all(DbError::Unavailable(error.to_string().into())),
            }
            match pending.state {
                LookState::Looking { repeat: true } => pending.look(ctx),
                _ => pending.state = LookState::Due(ctx.run_later(PAUSE, Self::look)),
            }
        }));
    }

    fn answer(&mut self, id: FlightId, outcome: &ArrivalOutcome) {
        for waiter in self.waiting.remove(&id).unwrap_or_default() {
            // An error means that nobody waits any longer.
            let _ = waiter.send(outcome.clone());
        }
    }

    fn answer_all(&mut self, error: DbError) {
        let (all, outcome) = (self.waiting.keys().copied().collect::<Vec<_>>(), Err(Arc::new(error)));
        all.into_iter().for_each(|id| self.answer(id, &outcome));
    }
}

impl Actor for PendingFlightWaiter {
    type Context = Context<Self>;
}

impl Handler<AwaitFlight> for PendingFlightWaiter {
    type Result = ResponseFuture<Result<(), DbError>>;

    // Interleaves: only the waiting is in the answer.
    fn handle(&mut self, AwaitFlight(id): AwaitFlight, ctx: &mut Context<Self>) -> Self::Result {
        let (done, arrived) = oneshot::channel();
        self.waiting.entry(id).or_default().push(done);
        if matches!(self.state, LookState::Idle) {
            self.state = LookState::Due(ctx.run_later(PAUSE, Self::look));
        }
        Box::pin(async move {
            match arrived.await {
                Ok(outcome) => outcome.map_err(|error| DbError::Unavailable(error.to_string().into())),
                Err(_) => Err(DbError::Unavailable("the waiting for flights was stopped".into())),
            }
        })
    }
}

impl Handler<LookNow> for PendingFlightWaiter {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Context<Self>) {
        match &mut self.state {
            LookState::Idle => {}
            LookState::Looking { repeat } => *repeat = true,
            LookState::Due(later) => {
                ctx.cancel_future(*later);
                self.look(ctx);
            }
        }
    }
}
