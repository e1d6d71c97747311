//! The relay actor.

use super::{
    handle::{DrainRelay, NudgeRelay, RelayHandle, StopRelay},
    intervals::RelayIntervals,
    progress::RelayProgress,
};
use crate::{
    bus::{Backoff, Bus},
    db::{DatabaseConfig, notifications::Listener},
    outbox::{
        housekeeping,
        pending::{self, Backlog},
    },
};
use actix::prelude::*;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use std::{
    mem::replace,
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

/// Longer than the server's statement timeout: only a connection that is dead takes as long.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the backlog is measured, unless the outbox was just seen empty.
const MEASURE: Duration = Duration::from_secs(10);
/// How often old events are cleaned away.
const CLEAN: Duration = Duration::from_secs(3600);
/// The pause before more of them are, where there are more.
const CLEAN_MORE: Duration = Duration::from_millis(250);
/// A backlog that is longer than this puts off the cleaning.
const CLEAN_BELOW: i64 = 1000;
/// How long a relay that is told to stop waits for confirms.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The actor that publishes what the outbox holds.
///
/// Invariant: at most one query runs at a time, on the one connection that also holds the lock; it is
/// in `connection` whenever none runs.
pub struct Relay {
    pub(super) source: &'static str,
    pub(super) config: DatabaseConfig,
    pub(super) bus: Bus,
    pub(super) nudged: Arc<AtomicBool>,
    /// How often the outbox is looked at without a nudge.
    pub(super) intervals: RelayIntervals,
    /// The next look without a nudge.
    pub(super) look: Option<SpawnHandle>,
    /// Whether that was planned for a relay that listens.
    pub(super) looks_as_listening: bool,
    /// Absent while a query runs, while it is being opened, and in an outage.
    pub(super) connection: Option<AsyncPgConnection>,
    /// Whether the connection holds the lock.
    pub(super) active: bool,
    /// Only while it is active.
    pub(super) listener: Option<Listener>,
    /// Whether the listener hears.
    pub(super) listening: Arc<AtomicBool>,
    /// The active relay has yet to be told of a commit of this instance.
    pub(super) unsent: bool,
    /// The database takes notifications, as far as is known.
    pub(super) notifies: bool,
    pub(super) notified_at: Option<Instant>,
    /// It goes on by itself when it may notify again.
    pub(super) notify_waits: bool,
    pub(super) progress: RelayProgress,
    /// Cancelled to drop the futures of all publishes in flight.
    pub(super) flight: CancellationToken,
    /// A publish failed and the time to try again has not come.
    pub(super) held: bool,
    /// Asks the database for nothing before this, unless somebody waits for the outbox to be empty.
    pub(super) lingers_until: Instant,
    /// It goes on by itself at the end of that.
    lingers: bool,
    pub(super) publish_backoff: Backoff,
    pub(super) database_backoff: Backoff,
    /// Those to be told when the relay has stopped; it is stopping when there are any.
    pub(super) stopping: Vec<oneshot::Sender<()>>,
    /// The next attempt of a relay that stands by.
    pub(super) standby: Option<SpawnHandle>,
    measure_at: Instant,
    clean_at: Instant,
    backlog: i64,
}

impl Relay {
    /// Starts the relay of a schema on the present arbiter. `source` is the service, `booking`. It has
    /// a connection of its own, while it is active a second one to listen, and needs no database yet.
    #[must_use]
    pub fn start(source: &'static str, config: &DatabaseConfig, bus: Bus) -> RelayHandle {
        Self::start_looking(source, config, bus, RelayIntervals::default())
    }

    /// The same with other intervals of its safety net.
    #[must_use]
    pub fn start_looking(
        source: &'static str,
        config: &DatabaseConfig,
        bus: Bus,
        intervals: RelayIntervals,
    ) -> RelayHandle {
        let nudged = Arc::new(AtomicBool::new(false));
        let now = Instant::now();
        let relay = Self {
            source,
            config: config.clone(),
            bus: bus.clone(),
            nudged: nudged.clone(),
            intervals,
            look: None,
            looks_as_listening: false,
            connection: None,
            active: false,
            listener: None,
            listening: Arc::default(),
            unsent: false,
            notifies: true,
            notified_at: None,
            notify_waits: false,
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

    /// Runs a query on the connection, then goes on. Interleaves: confirms and nudges come meanwhile.
    pub(super) fn query<T: 'static>(
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
        self.become_inactive();
        self.progress.lose_connection();
        ctx.run_later(delay, |relay, ctx| relay.connect(ctx));
        self.go_on(ctx);
    }

    /// Does what is next: the heart of the relay, called whenever anything has changed.
    pub(super) fn go_on(&mut self, ctx: &mut Context<Self>) {
        if !self.stopping.is_empty() {
            self.go_on_stopping(ctx);
            return;
        }
        if self.connection.is_none() {
            return;
        }
        if !self.active {
            self.notify_active(ctx);
            return;
        }
        let now = Instant::now();
        if now < self.lingers_until && !self.progress.is_awaited() {
            if !replace(&mut self.lingers, true) {
                ctx.run_later(self.lingers_until - now, |relay, ctx| {
                    relay.lingers = false;
                    relay.go_on(ctx);
                });
            }
            return;
        }
        // Without the broker, rows are better left where they are.
        let may_publish = !self.held && self.bus.is_connected();
        if let Some(request) = self.progress.begin_turn(may_publish) {
            self.turn(request, ctx);
        } else if now >= self.measure_at {
            self.measure(ctx);
        } else if now >= self.clean_at && self.backlog < CLEAN_BELOW {
            self.clean(ctx);
        }
    }

    fn measure(&mut self, ctx: &mut Context<Self>) {
        let query = async |connection: &mut AsyncPgConnection| pending::backlog(connection).await;
        self.query(ctx, query, |relay, backlog, _| relay.see_backlog(backlog));
    }

    /// The backlog is known.
    pub(super) fn see_backlog(&mut self, backlog: Backlog) {
        self.measure_at = Instant::now() + MEASURE;
        self.backlog = backlog.pending;
        metrics::gauge!("outbox_pending", "source" => self.source).set(backlog.pending as f64);
        metrics::gauge!("outbox_lag_seconds", "source" => self.source).set(backlog.lag);
    }

    fn clean(&mut self, ctx: &mut Context<Self>) {
        let query = async |connection: &mut AsyncPgConnection| housekeeping::clean_up(connection).await;
        self.query(ctx, query, |relay, more, ctx| {
            relay.clean_at = Instant::now() + if more { CLEAN_MORE } else { CLEAN };
            if more {
                ctx.run_later(CLEAN_MORE, |relay, ctx| relay.go_on(ctx));
            }
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
            && let Some(request) = self.progress.begin_turn(false)
        {
            self.turn(request, ctx);
        } else if landed {
            // Another relay takes over at once, not only when the server has seen this one go.
            let query = async |connection: &mut AsyncPgConnection| pending::unlock(connection).await;
            self.query(ctx, query, |relay, (), ctx| relay.finish(ctx));
        }
    }

    fn finish(&mut self, ctx: &mut Context<Self>) {
        self.flight.cancel();
        self.connection = None;
        self.listener = None;
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
        self.plan_look(ctx);
    }
}

impl Handler<NudgeRelay> for Relay {
    type Result = ();

    fn handle(&mut self, NudgeRelay: NudgeRelay, ctx: &mut Self::Context) {
        // Before the read: what is committed after it nudges again.
        self.nudged.store(false, Ordering::Release);
        if self.looks_as_listening != self.listening.load(Ordering::Acquire) {
            self.plan_look(ctx);
        }
        self.unsent |= !self.active;
        self.progress.look(false);
        self.go_on(ctx);
    }
}

impl Handler<DrainRelay> for Relay {
    // The answer waits outside of the actor, which goes on.
    type Result = ResponseFuture<()>;

    fn handle(&mut self, DrainRelay: DrainRelay, ctx: &mut Self::Context) -> Self::Result {
        let drained = self.progress.drain();
        self.unsent |= !self.active;
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
