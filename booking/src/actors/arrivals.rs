//! `Arrivals`: looks for flights that are not in the inventory yet, on behalf of all who wait for them.
//!
//! One statement asks for all of them at once, a little while after the one before, and when the bus has
//! brought flights: however many wait, they cost no more, and they are bounded.

use super::directory::NotFound;
use crate::store;
use actix::prelude::*;
use shared::{
    db::{DbError, Pool},
    ids::FlightId,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::Instant,
};
use uuid::Uuid;

/// Those who may wait at once.
pub(super) const ROOM: usize = 256;
/// How often the table is looked at meanwhile: the event may have gone to another instance.
const LOOK: Duration = Duration::from_millis(100);

/// What those who wait are told.
type Told = Result<(), Arc<DbError>>;

/// Waits for a flight.
#[derive(Message)]
#[rtype(result = "Result<(), DbError>")]
struct Await(FlightId);

/// Looks now.
#[derive(Message)]
#[rtype(result = "()")]
struct Look;

/// A cloneable handle of the actor.
#[derive(Clone)]
pub(super) struct Arrivals {
    actor: Addr<Watch>,
    room: Arc<Semaphore>,
}

/// A place among those who wait.
pub(super) struct Place(#[expect(dead_code, reason = "given back with it")] OwnedSemaphorePermit);

impl Arrivals {
    /// Starts the actor on the present arbiter.
    pub(super) fn start(pool: Pool) -> Self {
        let watch = Watch { pool, waiting: HashMap::new(), state: State::Idle };
        Self { actor: watch.start(), room: Arc::new(Semaphore::new(ROOM)) }
    }

    /// A place among those who wait.
    ///
    /// # Errors
    /// `Overloaded` where there is no room.
    pub(super) fn enter(&self) -> Result<Place, NotFound> {
        Arc::clone(&self.room).try_acquire_owned().map(Place).map_err(|_| NotFound::Overloaded)
    }

    /// Waits for a flight until it is there. Whether it came in time.
    pub(super) async fn wait(&self, _: &Place, id: FlightId, until: Instant) -> Result<bool, NotFound> {
        let left = until.saturating_duration_since(Instant::now());
        match self.actor.send(Await(id)).timeout(left).await {
            Ok(arrived) => arrived.map(|()| true).map_err(NotFound::Failed),
            Err(MailboxError::Timeout) => Ok(false),
            Err(MailboxError::Closed) => Err(NotFound::Overloaded),
        }
    }

    /// Those who wait.
    pub(super) fn waiting(&self) -> usize {
        ROOM.saturating_sub(self.room.available_permits())
    }

    /// Flights have come: perhaps some that are waited for.
    pub(super) fn nudge(&self) {
        if self.waiting() > 0 {
            // A full mailbox holds others that make it look.
            let _ = self.actor.try_send(Look);
        }
    }
}

/// See the module.
struct Watch {
    pool: Pool,
    waiting: HashMap<FlightId, Vec<oneshot::Sender<Told>>>,
    state: State,
}

enum State {
    /// Nobody waits.
    Idle,
    /// Looks in a while.
    Due(SpawnHandle),
    /// Looks. `again`: flights have come since it began.
    Looking { again: bool },
}

impl Watch {
    /// Looks for all who still wait, in a task that nobody aborts.
    fn look(&mut self, ctx: &mut Context<Self>) {
        self.waiting.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        if self.waiting.is_empty() {
            self.state = State::Idle;
            return;
        }
        self.state = State::Looking { again: false };
        let (pool, ids) = (self.pool.clone(), self.waiting.keys().map(|id| id.0).collect::<Vec<Uuid>>());
        let task = actix::spawn(async move {
            let connection = pool.get().await?;
            store::flights::known(&connection, ids).await.map_err(DbError::from)
        });
        // Interleaves: others begin to wait meanwhile.
        ctx.spawn(task.into_actor(self).map(|looked, watch, ctx| {
            match looked {
                Ok(Ok(known)) => known.into_iter().for_each(|id| watch.tell(id, &Ok(()))),
                Ok(Err(error)) => watch.tell_all(error),
                Err(error) => watch.tell_all(DbError::Unavailable(error.to_string().into())),
            }
            match watch.state {
                State::Looking { again: true } => watch.look(ctx),
                _ => watch.state = State::Due(ctx.run_later(LOOK, Self::look)),
            }
        }));
    }

    fn tell(&mut self, id: FlightId, told: &Told) {
        for waiter in self.waiting.remove(&id).unwrap_or_default() {
            // An error means that nobody waits any longer.
            let _ = waiter.send(told.clone());
        }
    }

    fn tell_all(&mut self, error: DbError) {
        let (all, told) = (self.waiting.keys().copied().collect::<Vec<_>>(), Err(Arc::new(error)));
        all.into_iter().for_each(|id| self.tell(id, &told));
    }
}

impl Actor for Watch {
    type Context = Context<Self>;
}

impl Handler<Await> for Watch {
    type Result = ResponseFuture<Result<(), DbError>>;

    // Interleaves: only the waiting is in the answer.
    fn handle(&mut self, Await(id): Await, ctx: &mut Context<Self>) -> Self::Result {
        let (done, told) = oneshot::channel();
        self.waiting.entry(id).or_default().push(done);
        if matches!(self.state, State::Idle) {
            self.state = State::Due(ctx.run_later(LOOK, Self::look));
        }
        Box::pin(async move {
            match told.await {
                Ok(told) => told.map_err(|error| DbError::Unavailable(error.to_string().into())),
                Err(_) => Err(DbError::Unavailable("the watch was stopped".into())),
            }
        })
    }
}

impl Handler<Look> for Watch {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Context<Self>) {
        match &mut self.state {
            State::Idle => {}
            State::Looking { again } => *again = true,
            State::Due(later) => {
                ctx.cancel_future(*later);
                self.look(ctx);
            }
        }
    }
}
