//! The schedule keeper: generates the flights of all schedules over a rolling horizon, at its start, after a change of a
//! schedule, and daily.
//!
//! Invariant: each transaction leaves every schedule either untouched or generated up to a date that stands with it, so a
//! keeper that dies in the middle of a pass loses nothing that was committed, and another one goes on from there.

use super::catalogue::{CatalogueChange, CatalogueHandle};
use crate::{
    domain::flight::Flight,
    store::schedules::{self, ChunkResult},
};
use actix::prelude::*;
use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    db::{DbError, Pool},
    ids::ScheduleId,
    outbox::RelayHandle,
    supervisor::{AskError, Lifeline, SupervisedActor},
};
use std::time::Duration;
use tokio::sync::oneshot;

/// From one pass to the next, where nothing else asks for one: the horizon moves by a day.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often a keeper tries that stands by because another one works.
const STANDBY: Duration = Duration::from_secs(2);
/// The pause after a pass that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Schedules that are looked up at once.
const LISTED: i64 = 100;

/// Has a whole pass follow.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

/// The same; ready when that pass has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct WorkThrough;

/// The actor that has the flights made.
struct ScheduleKeeper {
    pass: Pass,
    /// A pass is under way.
    working: bool,
    /// Another one is to follow it.
    again: bool,
    /// Those who wait for the end of the pass under way, and of the next one.
    waiting: [Vec<oneshot::Sender<()>>; 2],
    next: Option<SpawnHandle>,
    _lifeline: Lifeline,
}

/// How a pass has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PassEnd {
    /// Every schedule was looked at.
    Whole,
    /// Another keeper works.
    OthersTurn,
}

impl Actor for ScheduleKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.work(ctx);
    }
}

impl ScheduleKeeper {
    /// Begins a pass, or has one follow the pass under way. Interleaves with other messages.
    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.working {
            self.again = true;
            return;
        }
        self.working = true;
        let [present, next] = &mut self.waiting;
        present.append(next);
        let pass = self.pass.clone();
        ctx.spawn(async move { pass.run().await }.into_actor(self).map(|end, keeper, ctx| {
            keeper.working = false;
            let pause = match end {
                Ok(PassEnd::Whole) => {
                    for waiting in keeper.waiting[0].drain(..) {
                        // The caller may have given up.
                        let _ = waiting.send(());
                    }
                    DAY
                }
                Ok(PassEnd::OthersTurn) => STANDBY,
                Err(error) => {
                    tracing::warn!(error.message = %error, "Schedules could not be generated; tried again soon");
                    RETRY
                }
            };
            if std::mem::take(&mut keeper.again) {
                keeper.work(ctx);
                return;
            }
            if let Some(former) = keeper.next.replace(ctx.run_later(pause, Self::work)) {
                ctx.cancel_future(former);
            }
        }));
    }
}

/// What a pass needs.
#[derive(Clone)]
struct Pass {
    pool: Pool,
    relay: RelayHandle,
    catalogue: CatalogueHandle,
    horizon_days: u16,
}

impl Pass {
    /// Generates every schedule up to the horizon.
    async fn run(&self) -> Result<PassEnd, DbError> {
        let now = Utc::now();
        let horizon = horizon(now, self.horizon_days);
        let mut after = None;
        loop {
            let window = (schedules::first_date(now), horizon);
            let due = schedules::due(&mut *self.pool.get().await?, window, after, LISTED).await?;
            let Some(last) = due.last() else { return Ok(PassEnd::Whole) };
            after = Some(*last);
            for id in due {
                if self.schedule(id, (now, horizon)).await? == PassEnd::OthersTurn {
                    return Ok(PassEnd::OthersTurn);
                }
            }
        }
    }

    /// Generates one schedule, chunk by chunk.
    async fn schedule(&self, id: ScheduleId, window: (DateTime<Utc>, NaiveDate)) -> Result<PassEnd, DbError> {
        let mut again = true;
        loop {
            let mut connection = self.pool.get().await?;
            let result = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    schedules::next_chunk(connection, id, window, again).await
                })
                .await?;
            drop(connection);
            match result {
                ChunkResult::OthersTurn => return Ok(PassEnd::OthersTurn),
                ChunkResult::Taken => return Ok(PassEnd::Whole),
                ChunkResult::Generated { news, done } => {
                    self.tell(news).await;
                    if done {
                        return Ok(PassEnd::Whole);
                    }
                }
            }
            again = false;
        }
    }

    /// Tells the relay and this instance's catalogue of committed flights; others hear of them over the bus.
    async fn tell(&self, news: Vec<Flight>) {
        if news.is_empty() {
            return;
        }
        metrics::counter!("flight_generated_total").increment(news.len() as u64);
        self.relay.nudge();
        let changes = news.into_iter().map(|flight| CatalogueChange::Flight(Box::new(flight))).collect();
        if let Err(error) = self.catalogue.apply(changes).await {
            // The flights are committed, and the bus tells the catalogue again.
            tracing::warn!(error.message = %error, "The catalogue did not take generated flights in at once");
        }
    }
}

/// The last date that flights are generated for.
fn horizon(now: DateTime<Utc>, days: u16) -> NaiveDate {
    now.date_naive().checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX)
}

impl Handler<Wake> for ScheduleKeeper {
    type Result = ();

    /// Atomic: it only starts the pass.
    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.work(ctx);
    }
}

impl Handler<WorkThrough> for ScheduleKeeper {
    type Result = ResponseFuture<()>;

    /// Interleaves: it waits for the pass apart from the actor.
    fn handle(&mut self, _: WorkThrough, ctx: &mut Context<Self>) -> Self::Result {
        let (ended, end) = oneshot::channel();
        self.waiting[1].push(ended);
        self.work(ctx);
        // A keeper that dies meanwhile ends the wait.
        Box::pin(async { drop(end.await) })
    }
}

/// A cloneable handle of the schedule keeper.
#[derive(Clone)]
pub struct ScheduleKeeperHandle(SupervisedActor<ScheduleKeeper>);

impl ScheduleKeeperHandle {
    /// Starts the keeper on the present arbiter; it begins its first pass. It generates the flights of today and of
    /// the next `horizon_days` days.
    #[must_use]
    pub fn start(pool: Pool, relay: RelayHandle, catalogue: CatalogueHandle, horizon_days: u16) -> Self {
        let pass = Pass { pool, relay, catalogue, horizon_days };
        Self(SupervisedActor::start("flight", "schedule keeper", move |lifeline| ScheduleKeeper {
            pass: pass.clone(),
            working: false,
            again: false,
            waiting: [Vec::new(), Vec::new()],
            next: None,
            _lifeline: lifeline,
        }))
    }

    /// Has a pass follow, at once or after the one under way. Never blocks, never fails: a keeper that is just made anew
    /// begins with a pass.
    pub fn nudge(&self) {
        if let Some(keeper) = self.0.address() {
            // A full mailbox has a pass follow anyway.
            drop(keeper.try_send(Wake));
        }
    }

    /// Ready when a whole pass has ended that began after this call.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn work_through(&self) -> Result<(), AskError> {
        self.0.ask(WorkThrough).await
    }
}
