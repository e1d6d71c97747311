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
/// The pause before a keeper tries again that stands by because another one works, or that has met a locked schedule.
const STANDBY: Duration = Duration::from_secs(2);
/// The pause after a pass that failed.
const RETRY: Duration = Duration::from_secs(5);
/// The most rounds of a pass: what is in conflict after so many waits for the next pass.
const ROUNDS: usize = 5;
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
    /// Others had a schedule locked.
    Unfinished,
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
                Ok(PassEnd::Unfinished | PassEnd::OthersTurn) => STANDBY,
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

/// What has become of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScheduleEnd {
    /// It is generated, and flights were made or changed, or not.
    Generated { made_news: bool },
    /// Others have it locked.
    Locked,
    /// Another keeper works.
    OthersTurn,
}

/// What has become of all schedules that were due.
#[derive(Debug, Default)]
struct Round {
    others_turn: bool,
    met_locked: bool,
    made_news: bool,
    /// The last error that concerned one schedule alone.
    failed: Option<DbError>,
}

impl Round {
    fn note(&mut self, end: ScheduleEnd) {
        match end {
            ScheduleEnd::Generated { made_news } => self.made_news |= made_news,
            ScheduleEnd::Locked => self.met_locked = true,
            ScheduleEnd::OthersTurn => self.others_turn = true,
        }
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
    /// Generates every schedule up to the horizon. While flights move, others may find their airplane free that it was not before:
    /// then the schedules with conflicts have another round.
    async fn run(&self) -> Result<PassEnd, DbError> {
        let mut round = Round::default();
        for _ in 0..ROUNDS {
            round = self.round().await?;
            if round.others_turn {
                return Ok(PassEnd::OthersTurn);
            }
            if !round.made_news {
                break;
            }
        }
        match round.failed {
            Some(error) => Err(error),
            None if round.met_locked => Ok(PassEnd::Unfinished),
            None => Ok(PassEnd::Whole),
        }
    }

    /// Looks at each schedule that is due. One that fails by itself does not keep the others from their flights.
    async fn round(&self) -> Result<Round, DbError> {
        let now = Utc::now();
        let horizon = horizon(now, self.horizon_days);
        let (mut round, mut after) = (Round::default(), None);
        loop {
            let window = (schedules::first_date(now), horizon);
            let due = schedules::due(&mut *self.pool.get().await?, window, after, LISTED).await?;
            let Some(last) = due.last() else { return Ok(round) };
            after = Some(*last);
            for id in due {
                match self.schedule(id, (now, horizon)).await {
                    Ok(end) => round.note(end),
                    Err(error) if error.is_outage() => return Err(error),
                    Err(error) => {
                        tracing::warn!(error.message = %error, schedule.id = %id, "A schedule could not be generated");
                        round.failed = Some(error);
                    }
                }
                if round.others_turn {
                    return Ok(round);
                }
            }
        }
    }

    /// Generates one schedule, chunk by chunk.
    async fn schedule(
        &self,
        id: ScheduleId,
        window: (DateTime<Utc>, NaiveDate),
    ) -> Result<ScheduleEnd, DbError> {
        let (mut again, mut made_news) = (true, false);
        loop {
            let mut connection = self.pool.get().await?;
            let result = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    schedules::next_chunk(connection, id, window, again).await
                })
                .await?;
            drop(connection);
            match result {
                ChunkResult::OthersTurn => return Ok(ScheduleEnd::OthersTurn),
                ChunkResult::Locked => return Ok(ScheduleEnd::Locked),
                ChunkResult::Gone => return Ok(ScheduleEnd::Generated { made_news }),
                ChunkResult::Generated { news, done } => {
                    made_news |= !news.is_empty();
                    self.tell(news).await;
                    if done {
                        return Ok(ScheduleEnd::Generated { made_news });
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
