//! The relay actor.

use super::{
    handle::{DrainRelay, NudgeRelay, RelayHandle, StopRelay},
    progress::{RelayProgress, WINDOW},
};
use crate::{
    bus::{Backoff, Bus, BusError},
    db::DatabaseConfig,
    outbox::{
        housekeeping,
        pending::{self, OutboxRow},
    },
};
use actix::prelude::*;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// How often the outbox is looked at without a nudge: the safety net under them, and how what another
/// instance has committed is found.
const POLL: Duration = Duration::from_millis(250);
/// Between two reads of what was just committed, at least: many commits are published with one read, and what
/// was published is taken out with one delete. Nobody who waits for an event notices so little.
const GATHER: Duration = Duration::from_millis(10);
/// How often a relay that stands by tries to become active.
const STANDBY: Duration = Duration::from_secs(1);
/// Longer than the server's statement timeout: only a connection that is dead takes as long.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the backlog is measured.
const MEASURE: Duration = Duration::from_secs(10);
/// How often old events are cleaned away.
const CLEAN: Duration = Duration::from_secs(3600);
/// A backlog that is longer than this puts off the cleaning.
const CLEAN_BELOW: i64 = 1000;
/// How long a relay that is told to stop waits for confirms.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The actor that publishes what the outbox holds.
///
/// Invariant: at most one query runs at a time, on the one connection that also holds the lock; it is
/// in `connection` whenever none runs.
pub struct Relay {
    source: &'static str,
    config: DatabaseConfig,
    bus: Bus,
    nudged: Arc<AtomicBool>,
    /// How often the outbox is looked at without a nudge.
    look: Duration,
    /// Absent while a query runs, while it is being opened, and in an outage.
    connection: Option<AsyncPgConnection>,
    /// Whether the connection holds the lock.
    active: bool,
    progress: RelayProgress,
    /// Cancelled to drop the futures of all publishes in flight.
    flight: CancellationToken,
    /// A publish failed and the time to try again has not come.
    held: bool,
    /// Asks the database for nothing before this, unless somebody waits for the outbox to be empty.
    lingers_until: Instant,
    /// It goes on by itself at the end of that.
    lingers: bool,
    publish_backoff: Backoff,
    database_backoff: Backoff,
    /// Those to be told when the relay has stopped; it is stopping when there are any.
    stopping: Vec<oneshot::Sender<()>>,
    /// The next attempt of a relay that stands by.
    standby: Option<SpawnHandle>,
    measure_at: Instant,
    clean_at: Instant,
    backlog: i64,
}

impl Relay {
    /// Starts the relay of a schema on the present arbiter. `source` is the service, `booking`. It has
    /// a connection of its own, and needs no database yet.
    #[must_use]
    pub fn start(source: &'static str, config: &DatabaseConfig, bus: Bus) -> RelayHandle {
        Self::start_looking(source, config, bus, POLL)
    }

    /// The same, where others wait for what any instance commits: only the active relay publishes, and
    /// nobody nudges it for the commits of other instances, so it looks this often. A look is one small
    /// query.
    #[must_use]
    pub fn start_looking(
        source: &'static str,
        config: &DatabaseConfig,
        bus: Bus,
        look: Duration,
    ) -> RelayHandle {
        let nudged = Arc::new(AtomicBool::new(false));
        let now = Instant::now();
        let relay = Self {
            source,
            config: config.clone(),
            bus: bus.clone(),
            nudged: nudged.clone(),
            look,
            connection: None,
            active: false,
            progress: RelayProgress::default(),
            flight: CancellationToken::new(),
            held: false,
            lingers_until: now,
            lingers: false,
            publish_backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(2)),
            database_backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            stopping: Vec::new(),
            standby: None,
            measure_at: now,
            clean_at: now,
            backlog: 0,
        };
        RelayHandle::new(&Actor::start(relay), nudged, bus)
    }

    /// Opens the connection and asks for the lock.
    fn connect(&mut self, ctx: &mut Context<Self>) {
        debug_assert!(self.connection.is_none(), "there is one connection");
        let config = self.config.clone();
        let opening = async move { timeout(QUERY_TIMEOUT, pending::connect(&config)).await };
        // Interleaves: nudges may come meanwhile.
        ctx.spawn(opening.into_actor(self).map(|opened, relay, ctx| match opened {
            Ok(Ok(connection)) => {
                relay.connection = Some(connection);
                relay.compete(ctx);
            }
            Ok(Err(error)) => relay.lose_database(&error, ctx),
            Err(elapsed) => relay.lose_database(&elapsed, ctx),
        }));
    }

    /// Tries to become the active relay. One that stands by also looks whether the outbox is empty,
    /// when somebody waits for that.
    fn compete(&mut self, ctx: &mut Context<Self>) {
        let awaited = self.progress.is_awaited();
        self.progress.cover();
        let query = async move |connection: &mut AsyncPgConnection| {
            let locked = pending::try_lock(connection).await?;
            let empty = !locked && awaited && pending::is_empty(connection).await?;
            Ok((locked, empty))
        };
        self.query(ctx, query, |relay, (locked, empty), ctx| {
            relay.database_backoff.reset();
            if empty {
                relay.progress.empty();
            }
            if locked {
                tracing::info!(outbox.source = relay.source, "The outbox relay is active");
                relay.active = true;
                relay.progress.look(true);
            } else {
                let again = if relay.progress.is_awaited() { POLL } else { STANDBY };
                let next = ctx.run_later(again, |relay, ctx| {
                    if !relay.active && relay.connection.is_some() && relay.stopping.is_empty() {
                        relay.compete(ctx);
                    }
                });
                // A drain may have come before its time.
                if let Some(former) = relay.standby.replace(next) {
                    ctx.cancel_future(former);
                }
            }
        });
    }

    /// Runs a query on the connection, then goes on. Interleaves: confirms and nudges come meanwhile.
    fn query<T: 'static>(
        &mut self,
        ctx: &mut Context<Self>,
        query: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T> + 'static,
        then: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
    ) {
        let Some(mut connection) = self.connection.take() else { return };
        let running = async move {
            let answer = timeout(QUERY_TIMEOUT, query(&mut connection)).await;
            (connection, answer)
        };
        ctx.spawn(running.into_actor(self).map(move |(connection, answer), relay, ctx| match answer {
            Ok(Ok(value)) => {
                relay.connection = Some(connection);
                then(relay, value, ctx);
                relay.go_on(ctx);
            }
            // The connection is dropped, and with it the lock.
            Ok(Err(error)) => relay.lose_database(&error, ctx),
            Err(elapsed) => relay.lose_database(&elapsed, ctx),
        }));
    }

    /// The connection is gone. What is in flight stays so: its confirms still count.
    fn lose_database(&mut self, error: &dyn std::fmt::Display, ctx: &mut Context<Self>) {
        let delay = self.database_backoff.delay();
        tracing::warn!(
            outbox.source = self.source, %error, delay_ms = delay.as_millis(),
            "The outbox relay has lost the database"
        );
        self.active = false;
        self.progress.lose_connection();
        ctx.run_later(delay, |relay, ctx| relay.connect(ctx));
        self.go_on(ctx);
    }

    /// Does what is next: the heart of the relay, called whenever anything has changed.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if !self.stopping.is_empty() {
            self.go_on_stopping(ctx);
            return;
        }
        if !self.active || self.connection.is_none() {
            return;
        }
        let now = Instant::now();
        if now < self.lingers_until && !self.progress.is_awaited() {
            if !std::mem::replace(&mut self.lingers, true) {
                ctx.run_later(self.lingers_until - now, |relay, ctx| {
                    relay.lingers = false;
                    relay.go_on(ctx);
                });
            }
            return;
        }
        // Without the broker, rows are better left where they are.
        let may_publish = !self.held && self.bus.is_connected();
        if may_publish && let Some(limit) = self.progress.wanted() {
            self.read(limit, ctx);
        } else if let Some(seqs) = self.progress.begin_delete() {
            self.delete(seqs, ctx);
        } else if Instant::now() >= self.measure_at {
            self.measure(ctx);
        } else if Instant::now() >= self.clean_at && self.backlog < CLEAN_BELOW {
            self.clean(ctx);
        }
    }

    fn read(&mut self, limit: usize, ctx: &mut Context<Self>) {
        self.lingers_until = Instant::now() + GATHER;
        let (source, but) = (self.source, self.progress.begin_read());
        let query = async move |connection: &mut AsyncPgConnection| {
            pending::read(connection, source, &but, limit).await
        };
        self.query(ctx, query, move |relay, rows, ctx| {
            let got = rows.len();
            relay.publish(rows, ctx);
            relay.progress.end_read(got, limit);
        });
    }

    /// Publishes rows in their order, which is taken here, synchronously.
    fn publish(&mut self, rows: Vec<OutboxRow>, ctx: &mut Context<Self>) {
        let flights = FuturesUnordered::new();
        for OutboxRow { seq, event } in rows {
            match event {
                Ok(event) => {
                    self.progress.publish(seq);
                    let published = self.bus.publish(Arc::new(event));
                    flights.push(async move { (seq, published.await) });
                }
                Err(error) => {
                    tracing::error!(outbox.seq = seq, %error, "An event cannot be published by this release");
                    self.progress.stick(seq);
                }
            }
        }
        // One stream a read, and whatever has landed of it at once: a future per row would have the
        // actor poll every one of them for each confirm.
        let landings = flights.ready_chunks(WINDOW);
        let flight = self.flight.clone();
        let landings =
            landings.take_until(flight.clone().cancelled_owned()).map(move |landed| (flight.clone(), landed));
        ctx.add_stream(landings);
    }

    fn delete(&mut self, seqs: Vec<i64>, ctx: &mut Context<Self>) {
        let count = seqs.len() as u64;
        let query = async move |connection: &mut AsyncPgConnection| pending::delete(connection, &seqs).await;
        self.query(ctx, query, move |relay, (), _| {
            metrics::counter!("outbox_published_total", "source" => relay.source).increment(count);
            relay.progress.end_delete();
        });
    }

    fn measure(&mut self, ctx: &mut Context<Self>) {
        self.measure_at = Instant::now() + MEASURE;
        let query = async |connection: &mut AsyncPgConnection| pending::backlog(connection).await;
        self.query(ctx, query, |relay, backlog, _| {
            relay.backlog = backlog.pending;
            metrics::gauge!("outbox_pending", "source" => relay.source).set(backlog.pending as f64);
            metrics::gauge!("outbox_lag_seconds", "source" => relay.source).set(backlog.lag);
        });
    }

    fn clean(&mut self, ctx: &mut Context<Self>) {
        let query = async |connection: &mut AsyncPgConnection| housekeeping::clean_up(connection).await;
        self.query(ctx, query, |relay, more, _| {
            relay.clean_at = Instant::now() + if more { POLL } else { CLEAN };
        });
    }

    /// A publish failed: gives back all that is in flight, and begins again after a while.
    fn give_back(&mut self, error: &BusError, ctx: &mut Context<Self>) {
        self.flight.cancel();
        self.flight = CancellationToken::new();
        let (count, delay) = (self.progress.give_back(), self.publish_backoff.delay());
        tracing::warn!(
            outbox.source = self.source, outbox.unconfirmed = count, %error, delay_ms = delay.as_millis(),
            "Events are published again"
        );
        self.held = true;
        ctx.run_later(delay, |relay, ctx| {
            relay.held = false;
            relay.progress.look(true);
            relay.go_on(ctx);
        });
    }

    /// What is left to do before the relay stops.
    fn go_on_stopping(&mut self, ctx: &mut Context<Self>) {
        let landed = self.progress.is_landed();
        if self.connection.is_none() {
            // Either a query runs and comes back here, or there is no database: then the rows stay.
            if landed && !self.active {
                self.finish(ctx);
            }
            return;
        }
        if self.active
            && let Some(seqs) = self.progress.begin_delete()
        {
            self.delete(seqs, ctx);
        } else if landed {
            // Another relay takes over at once, not only when the server has seen this one go.
            let query = async |connection: &mut AsyncPgConnection| pending::unlock(connection).await;
            self.query(ctx, query, |relay, (), ctx| relay.finish(ctx));
        }
    }

    fn finish(&mut self, ctx: &mut Context<Self>) {
        self.flight.cancel();
        self.connection = None;
        ctx.stop();
        for stopped in self.stopping.drain(..) {
            let _ = stopped.send(());
        }
    }
}

impl Actor for Relay {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.connect(ctx);
        ctx.run_interval(self.look, |relay, ctx| {
            relay.progress.look(true);
            relay.go_on(ctx);
        });
    }
}

impl Handler<NudgeRelay> for Relay {
    type Result = ();

    fn handle(&mut self, NudgeRelay: NudgeRelay, ctx: &mut Self::Context) {
        // Before the read: what is committed after it nudges again.
        self.nudged.store(false, Ordering::Release);
        self.progress.look(false);
        self.go_on(ctx);
    }
}

impl Handler<DrainRelay> for Relay {
    // The answer waits outside of the actor, which goes on.
    type Result = ResponseFuture<()>;

    fn handle(&mut self, DrainRelay: DrainRelay, ctx: &mut Self::Context) -> Self::Result {
        let drained = self.progress.drain();
        if !self.active && self.connection.is_some() {
            self.compete(ctx);
        }
        self.go_on(ctx);
        // An error means that the relay was stopped.
        Box::pin(async move { drop(drained.await) })
    }
}

impl Handler<StopRelay> for Relay {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, StopRelay: StopRelay, ctx: &mut Self::Context) -> Self::Result {
        let (stop, stopped) = oneshot::channel();
        self.stopping.push(stop);
        ctx.run_later(STOP_TIMEOUT, |relay, ctx| relay.finish(ctx));
        self.go_on(ctx);
        Box::pin(async move { drop(stopped.await) })
    }
}

/// What has landed of a read, with the token of its flight.
type Landed = (CancellationToken, Vec<(i64, Result<(), BusError>)>);

impl StreamHandler<Landed> for Relay {
    fn handle(&mut self, (flight, landed): Landed, ctx: &mut Self::Context) {
        let mut failed = None;
        for (seq, published) in landed {
            match published {
                Ok(()) => self.progress.confirm(seq),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            // A flight that was given back before has nothing to add.
            Some(error) if !flight.is_cancelled() => self.give_back(&error, ctx),
            Some(_) => {}
            None => self.publish_backoff.reset(),
        }
        self.go_on(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {
        // One stream of many; the default would stop the actor.
    }
}
