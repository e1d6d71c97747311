//! What a service finds around it, and a running service: its address and its graceful stop.

use crate::{
    auth::KeySource,
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    config::{ConfigError, ServiceConfig},
    outbox::RelayHandle,
};
use actix_web::dev::ServerHandle;
use futures_util::future::LocalBoxFuture;
use std::{net::SocketAddr, time::Duration};

/// What a service finds around it: the real things, or in-process ones in the embedded mode.
#[derive(Clone)]
pub struct ServiceContext {
    /// The bus.
    pub bus: Bus,
    /// The gateway's public keys.
    pub keys: KeySource,
}

impl ServiceContext {
    /// The real things that a service's own process is configured with: RabbitMQ, and the gateway's key
    /// set. Must be called on an actix arbiter.
    ///
    /// # Errors
    /// [`ConfigError`] where the address of one of them is missing or none.
    pub fn connect(service: &str, config: &ServiceConfig) -> Result<Self, ConfigError> {
        let bus = amqp(service, config)?;
        let url =
            config.jwks_url.clone().ok_or_else(|| ConfigError::Missing("AEROBUS_JWKS_URL".to_owned()))?;
        Ok(Self { bus, keys: KeySource::fetched(url) })
    }

    /// The same for the gateway, which fills the keys itself.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_gateway(config: &ServiceConfig) -> Result<Self, ConfigError> {
        Ok(Self { bus: amqp("gateway", config)?, keys: KeySource::in_process() })
    }
}

fn amqp(service: &str, config: &ServiceConfig) -> Result<Bus, ConfigError> {
    let variable = || "AEROBUS_AMQP_URL".to_owned();
    let url = config.amqp_url.clone().ok_or_else(|| ConfigError::Missing(variable()))?;
    let settings = AmqpConfig {
        prefix: config.amqp_prefix.clone(),
        queues: queues::ALL,
        ..AmqpConfig::new(url, service)
    };
    let amqp = Amqp::connect(&settings)
        .map_err(|error| ConfigError::Invalid { variable: variable(), reason: error.to_string() })?;
    Ok(Bus::new(amqp))
}

/// How long a stop waits for what the outbox still has.
const FLUSH: Duration = Duration::from_secs(5);

/// How long a stop waits for the broker's goodbye.
const CLOSE: Duration = Duration::from_secs(5);

/// A step of a stop.
type Step = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>;

/// A running service.
pub struct Running {
    name: &'static str,
    /// Where its HTTP listens.
    pub address: SocketAddr,
    before: Vec<Step>,
    servers: Vec<ServerHandle>,
    drain: Vec<Step>,
    after: Vec<Step>,
    /// Closed at the end of the process; a bus that services share must outlive each of them.
    bus: Option<Bus>,
}

impl Running {
    /// A service that listens. The server must be spawned already, with its signals disabled.
    #[must_use]
    pub fn new(name: &'static str, address: SocketAddr, server: ServerHandle) -> Self {
        Self {
            name,
            address,
            before: Vec::new(),
            servers: vec![server],
            drain: Vec::new(),
            after: Vec::new(),
            bus: None,
        }
    }

    /// With another server, such as the one for metrics.
    #[must_use]
    pub fn with_server(mut self, server: ServerHandle) -> Self {
        self.servers.push(server);
        self
    }

    /// With a step before the servers stop: say that the service is draining.
    #[must_use]
    pub fn before_stop<F: Future<Output = ()> + 'static>(
        mut self,
        step: impl FnOnce() -> F + 'static,
    ) -> Self {
        self.before.push(Box::new(|| Box::pin(step())));
        self
    }

    /// With a relay whose outbox is flushed after the last request is answered, while consumers still run;
    /// for 5 seconds at most. What is left then is published by the next start. [`Self::run`] closes the
    /// relay's bus at the very end.
    #[must_use]
    pub fn flush(mut self, relay: RelayHandle) -> Self {
        self.bus = Some(relay.bus().clone());
        self.drain(move || async move { drop(tokio::time::timeout(FLUSH, relay.drain()).await) })
    }

    /// With a step after the last request is answered, before consumers stop.
    #[must_use]
    pub fn drain<F: Future<Output = ()> + 'static>(mut self, step: impl FnOnce() -> F + 'static) -> Self {
        self.drain.push(Box::new(|| Box::pin(step())));
        self
    }

    /// With a step at the end: stop consumers and actors, close connections. Steps run in the order in
    /// which they were added.
    #[must_use]
    pub fn after_stop<F: Future<Output = ()> + 'static>(
        mut self,
        step: impl FnOnce() -> F + 'static,
    ) -> Self {
        self.after.push(Box::new(|| Box::pin(step())));
        self
    }

    /// Stops: no new connections, requests under way are answered, then the other steps.
    pub async fn stop(mut self) {
        self.stop_serving().await;
        self.finish_work().await;
        self.close().await;
    }

    /// The first part of a stop: not ready any more, no new connections, requests under way are answered.
    pub async fn stop_serving(&mut self) {
        run(&mut self.before).await;
        for server in self.servers.drain(..) {
            server.stop(true).await;
        }
    }

    /// The second part: what is committed is published, while consumers still run.
    pub async fn finish_work(&mut self) {
        run(&mut self.drain).await;
    }

    /// The last part: consumers, actors and connections end.
    pub async fn close(mut self) {
        run(&mut self.after).await;
        tracing::info!(service.name = self.name, "Stopped");
    }

    /// Serves until the process is asked to stop (SIGTERM, SIGINT), then stops and closes the bus, which
    /// is this service's alone here.
    pub async fn run(mut self) {
        tracing::info!(service.name = self.name, http.address = %self.address, "Listening");
        stop_signal().await;
        let bus = self.bus.take();
        self.stop().await;
        if let Some(bus) = bus
            && tokio::time::timeout(CLOSE, bus.close()).await.is_err()
        {
            tracing::warn!("The broker takes long to say goodbye: its connection is cut");
        }
    }
}

async fn run(steps: &mut Vec<Step>) {
    for step in steps.drain(..) {
        step().await;
    }
}

/// Lets the process open as many files as it may: each connection is one, and the usual limit of 1,024
/// is meant to be raised by whoever needs more.
pub fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most).map(|()| most));
    match raised {
        Ok(most) => tracing::debug!(files.limit = most, "The limit of open files was raised"),
        Err(error) => tracing::warn!(%error, "The limit of open files could not be raised"),
    }
}

/// Ready when the process is asked to stop: SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    // Installing a handler fails only for signals that cannot be caught; then only the other one counts.
    let of = |kind| async move {
        match signal(kind) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = of(SignalKind::terminate()) => {}
        () = of(SignalKind::interrupt()) => {}
    }
}
