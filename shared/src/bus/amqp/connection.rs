//! The actor that keeps one connection to the broker open.
//!
//! Invariant: at most one link is published to the others, its generation is higher than that of
//! every link before it, and a link that is no longer published is [lost](Link::lost).

use super::{
    callbacks::OnConnection,
    link::{CALL_TIMEOUT, Link, LinkError},
};
use crate::bus::Backoff;
use actix::{ArbiterHandle, prelude::*};
use amqprs::connection::{Connection as AmqpConnection, OpenConnectionArguments};
use std::time::Duration;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, interval, timeout},
};

/// How often a link is looked at. Its own notice of death can get lost.
const LOOK: Duration = Duration::from_millis(250);
/// How often the broker is asked for a sign of life that only a connection which works can give.
const PROBE: Duration = Duration::from_secs(10);
/// A link that has lived this long was a good one: the next attempt is made soon.
const GOOD_LIFE: Duration = Duration::from_secs(10);
/// How long closing may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Closes the connection for good.
#[derive(Message)]
#[rtype(result = "()")]
struct CloseConnection;

/// Supervises one connection: opens it, watches it, replaces it when it has died, with backoff.
pub(super) struct SupervisedConnection {
    /// `publishing` or `consuming`, for logs and metrics.
    role: &'static str,
    arguments: OpenConnectionArguments,
    links: watch::Sender<Option<Link>>,
    generation: u64,
    opened_at: Instant,
    backoff: Backoff,
    stopping: bool,
}

/// A cloneable handle of a [`SupervisedConnection`].
#[derive(Clone)]
pub(super) struct ConnectionHandle {
    connection: Addr<SupervisedConnection>,
    links: watch::Receiver<Option<Link>>,
}

impl ConnectionHandle {
    /// The link of now, if there is one.
    pub(super) fn current(&self) -> Option<Link> {
        self.links.borrow().as_ref().filter(|link| !link.is_lost()).cloned()
    }

    /// Waits for a link; `None` when the connection was closed for good.
    pub(super) async fn link(&self) -> Option<Link> {
        let mut links = self.links.clone();
        let live = |link: &Option<Link>| link.as_ref().is_some_and(|link| !link.is_lost());
        links.wait_for(live).await.ok().and_then(|link| link.clone())
    }

    /// Closes the connection for good.
    pub(super) async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.connection.send(CloseConnection).await;
    }
}

impl SupervisedConnection {
    /// Starts on this arbiter, and opens the connection in the background.
    pub(super) fn open(
        arbiter: &ArbiterHandle,
        role: &'static str,
        instance: &str,
        arguments: &OpenConnectionArguments,
    ) -> ConnectionHandle {
        let (sender, links) = watch::channel(None);
        let mut arguments = arguments.clone();
        arguments.connection_name(&format!("{instance} {role}"));
        let connection = Self {
            role,
            arguments,
            links: sender,
            generation: 0,
            opened_at: Instant::now(),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)),
            stopping: false,
        };
        ConnectionHandle { connection: Self::start_in_arbiter(arbiter, |_| connection), links }
    }

    /// Opens the next link. Interleaves: the actor can be stopped meanwhile.
    fn attempt(&mut self, ctx: &mut Context<Self>) {
        let arguments = self.arguments.clone();
        let generation = self.generation + 1;
        let opening = async move {
            // The opening has no bound of its own: a host that swallows packets would hold it for minutes.
            let opened = timeout(CALL_TIMEOUT, AmqpConnection::open(&arguments)).await;
            let link = Link::new(generation, opened.map_err(|elapsed| LinkError(elapsed.to_string()))??);
            // At once: a death before this would go unnoticed.
            link.connection().register_callback(OnConnection(link.clone())).await?;
            Ok::<Link, LinkError>(link)
        };
        ctx.spawn(opening.into_actor(self).map(|opened, connection, ctx| match opened {
            Ok(link) => connection.establish(link, ctx),
            Err(error) => connection.attempt_later(&error.to_string(), ctx),
        }));
    }

    /// The link is up: tells everybody and watches over it.
    fn establish(&mut self, link: Link, ctx: &mut Context<Self>) {
        assert!(link.generation() > self.generation, "no two links have one generation");
        if self.stopping {
            ctx.spawn(close(link).into_actor(self));
            return;
        }
        self.generation = link.generation();
        self.opened_at = Instant::now();
        tracing::info!(
            bus.link = self.role,
            bus.generation = self.generation,
            bus.host = self.arguments.get_host(),
            "Connected to the broker"
        );
        metrics::gauge!("bus_connected", "link" => self.role).set(1.0);
        self.links.send_replace(Some(link.clone()));
        ctx.spawn(watch_over(link).into_actor(self).map(|link, connection, ctx| {
            connection.discard(link, ctx);
        }));
    }

    /// The link is dead: nobody gets it any more, and the next one is tried for.
    fn discard(&mut self, link: Link, ctx: &mut Context<Self>) {
        assert!(link.is_lost(), "a connection of which nothing is known any more is lost");
        metrics::gauge!("bus_connected", "link" => self.role).set(0.0);
        self.links.send_replace(None);
        let reason = link.reason();
        ctx.spawn(close(link).into_actor(self));
        if self.opened_at.elapsed() >= GOOD_LIFE {
            self.backoff.reset();
        }
        self.attempt_later(&reason, ctx);
    }

    fn attempt_later(&mut self, reason: &str, ctx: &mut Context<Self>) {
        if self.stopping {
            return;
        }
        let delay = self.backoff.delay();
        tracing::warn!(
            bus.link = self.role,
            bus.generation = self.generation,
            bus.reason = reason,
            bus.host = self.arguments.get_host(),
            delay_ms = delay.as_millis(),
            "No connection to the broker"
        );
        ctx.run_later(delay, |connection, ctx| {
            if !connection.stopping {
                connection.attempt(ctx);
            }
        });
    }
}

/// Waits for the death of a link.
async fn watch_over(link: Link) -> Link {
    let mut looks = interval(LOOK);
    let mut probe_at = Instant::now() + PROBE;
    while !link.is_lost() {
        tokio::select! {
            () = link.lost().cancelled() => {}
            // Comes at once where it comes; hangs when the death came first.
            failed = link.connection().listen_network_io_failure() => {
                link.lose(if failed { "the network connection broke" } else { "the connection was closed" });
            }
            _ = looks.tick() => {
                if !link.connection().is_open() {
                    link.lose("the connection is no longer open");
                } else if Instant::now() >= probe_at {
                    // `is_open` still says yes when the task that reads from the socket has panicked.
                    if let Err(error) = link.on_throwaway_channel(async |_| Ok(())).await {
                        link.lose(format!("the broker gave no sign of life: {error}"));
                    }
                    probe_at = Instant::now() + PROBE;
                }
            }
        }
    }
    link
}

/// Closes what may be half dead, politely but not for long.
async fn close(link: Link) {
    let _ = timeout(CLOSE_TIMEOUT, link.connection().clone().close()).await;
}

impl Actor for SupervisedConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.attempt(ctx);
    }
}

impl Handler<CloseConnection> for SupervisedConnection {
    // Interleaves: a link that is being opened meanwhile is closed when it is up.
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, CloseConnection: CloseConnection, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        let link = self.links.send_replace(None);
        metrics::gauge!("bus_connected", "link" => self.role).set(0.0);
        let (done, closed) = oneshot::channel();
        let closing = async move {
            if let Some(link) = link {
                link.lose("it was closed");
                close(link).await;
            }
            let _ = done.send(());
        };
        // Closing goes on even if nobody waits for it.
        tokio::spawn(closing);
        let closed = async move { drop(closed.await) };
        Box::pin(closed.into_actor(self).map(|(), _, ctx| ctx.stop()))
    }
}
