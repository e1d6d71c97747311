//! RabbitMQ.
//!
//! `amqprs` moves frames; it does not reconnect, does not count confirms, and does not say when a
//! connection is dead. This module does, with three actors:
//!
//! ```text
//!  Amqp (any thread)
//!    |  publish                     subscribe
//!    v                                  v
//!  Publisher --- follows ---.   .--- Consumer (one a subscription)
//!    ^ verdicts             |   |       | owns
//!    |                      v   v       v
//!    |        Connection, publishing   session task --> Handler
//!    |        Connection, consuming       |
//!    '-------------- retries -------------'
//! ```
//!
//! A `Connection` owns nothing but one TCP connection, each life of which is
//! a `Link` with a generation number. Publishing and consuming have one each: a broker
//! that blocks publishers blocks whole connections, and acknowledgements must go on. Nobody asks
//! anybody in a circle: verdicts are told, links are watched.

mod address;
mod callbacks;
mod channels;
mod confirms;
mod connection;
mod consumer;
mod link;
mod message;
mod publisher;
mod session;
mod topology;

pub use address::InvalidAmqpUrl;

use super::{BusCarrier, BusError, ConsumerHandle, DeadLetterStore, Handler, Subscription, WorkQueue};
use crate::{
    events::Event,
    threads::{self, Priority},
};
use actix::{Actor, Arbiter};
use connection::{ConnectionHandle, SupervisedConnection};
use consumer::Consumer;
use futures_util::future::{BoxFuture, join_all, ready};
use publisher::{Publisher, PublisherHandle};
use secrecy::SecretString;
use session::SessionWork;
use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::oneshot;
use topology::{PublishingTopology, Topology};

/// Where the broker is and how it is used.
#[derive(Debug, Clone)]
pub struct AmqpConfig {
    /// `amqp://user:password@host:port/vhost`.
    pub url: SecretString,
    /// Put before the names of the exchange and the queues; empty but in tests that share a broker.
    pub prefix: String,
    /// What the broker shows of us: `booking`.
    pub instance: String,
    /// The work queues that are declared before anything is published, `queues::ALL` but in tests: what
    /// they take waits in them, even when their consumers have never run.
    pub queues: &'static [WorkQueue],
    /// This long without any confirm while some are due, and the link counts as dead.
    pub confirm_stall: Duration,
}

impl AmqpConfig {
    /// The broker of this URL, without a prefix and without queues but those of its
    /// consumers.
    #[must_use]
    pub fn new(url: SecretString, instance: &str) -> Self {
        let confirm_stall = Duration::from_secs(15);
        Self { url, prefix: String::new(), instance: instance.to_owned(), queues: &[], confirm_stall }
    }
}

/// Why there is no carrier.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// The broker's address is none.
    #[error(transparent)]
    Url(#[from] InvalidAmqpUrl),
    /// There is no thread for it.
    #[error("a thread could not be started")]
    Thread(#[from] io::Error),
}

/// The carrier over RabbitMQ. Clones are the same bus. It lives until it is
/// [closed](BusCarrier::close) or the actix system stops.
#[derive(Clone)]
pub struct Amqp(Arc<AmqpParts>);

struct AmqpParts {
    publishing: ConnectionHandle,
    consuming: ConnectionHandle,
    publisher: PublisherHandle,
    topology: Topology,
    arbiter: Arbiter,
    closed: AtomicBool,
    consumers: Mutex<Vec<ConsumerHandle>>,
}

impl Amqp {
    /// Connects in the background, on a thread of its own, and keeps connected. A broker that is down
    /// is no error. The thread works in bulk, so it has the priority of followers.
    ///
    /// # Errors
    /// [`AmqpError`].
    ///
    /// # Panics
    /// Outside of an actix system.
    pub fn connect(config: &AmqpConfig) -> Result<Self, AmqpError> {
        let arguments = address::parse(&config.url)?;
        let topology = Topology::new(&config.prefix);
        let name = format!("{}-bus", threads::prefix(&config.instance));
        let arbiter = threads::arbiter(name, Priority::Followers)?;
        let thread = arbiter.handle();
        let publishing = SupervisedConnection::open(&thread, "publishing", &config.instance, &arguments);
        let consuming = SupervisedConnection::open(&thread, "consuming", &config.instance, &arguments);
        let publisher = Publisher::open(
            &thread,
            publishing.clone(),
            PublishingTopology { topology: topology.clone(), queues: config.queues },
            config.confirm_stall,
        );
        Ok(Self(Arc::new(AmqpParts {
            publishing,
            consuming,
            publisher,
            topology,
            arbiter,
            closed: AtomicBool::new(false),
            consumers: Mutex::default(),
        })))
    }

    fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

impl BusCarrier for Amqp {
    fn publish(&self, event: Arc<Event>) -> BoxFuture<'static, Result<(), BusError>> {
        if self.is_closed() {
            return Box::pin(ready(Err(BusError::Closed)));
        }
        let published = self.0.publisher.publish(message::event(&self.0.topology, &event));
        Box::pin(async move {
            published.await?;
            metrics::counter!("bus_published_total", "type" => event.kind.as_str()).increment(1);
            Ok(())
        })
    }

    /// The handler runs on the carrier's thread. Not ready before the broker is
    /// there: a service that shall start without it does not wait.
    fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
        dead_letters: Arc<dyn DeadLetterStore>,
    ) -> BoxFuture<'static, Result<ConsumerHandle, BusError>> {
        let (handle, stop, stopped) = ConsumerHandle::new();
        let (bound, first_bound) = oneshot::channel();
        let mut consumers = self.0.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock: `close` finds every consumer that is started.
        if self.is_closed() {
            return Box::pin(ready(Err(BusError::Closed)));
        }
        consumers.push(handle.clone());
        drop(consumers);
        let (topology, publisher) = (self.0.topology.clone(), self.0.publisher.clone());
        let work = SessionWork { subscription, handler, dead_letters, topology, publisher };
        let connection = self.0.consuming.clone();
        Consumer::start_in_arbiter(&self.0.arbiter.handle(), move |_| {
            Consumer::new(connection, work, bound, stop, stopped)
        });
        Box::pin(async move {
            first_bound.await.unwrap_or(Err(BusError::Closed))?;
            Ok(handle)
        })
    }

    fn is_connected(&self) -> bool {
        !self.is_closed() && self.0.publisher.is_ready() && self.0.consuming.current().is_some()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let mut consumers = self.0.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.closed.store(true, Ordering::Release);
        let consumers = std::mem::take(&mut *consumers);
        let bus = self.clone();
        Box::pin(async move {
            join_all(consumers.iter().map(ConsumerHandle::stop)).await;
            // After the consumers: what they have decided may still have to be put into retry queues.
            bus.0.publishing.stop().await;
            bus.0.consuming.stop().await;
            bus.0.arbiter.stop();
        })
    }
}
