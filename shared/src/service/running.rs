//! A running service: its address and its graceful stop.

use super::process::stop_signal;
use crate::{bus::Bus, outbox::RelayHandle};
use actix_web::dev::ServerHandle;
use futures_util::future::LocalBoxFuture;
use std::{net::SocketAddr, time::Duration};

/// How long a stop waits for what the outbox still has.
const FLUSH: Duration = Duration::from_secs(5);

/// How long a stop waits for the broker's goodbye.
const CLOSE: Duration = Duration::from_secs(5);

/// A step of a stop.
type StopStep = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>;

/// A running service.
pub struct Running {
    name: &'static str,
    /// Where its HTTP listens.
    pub address: SocketAddr,
    before: Vec<StopStep>,
    servers: Vec<ServerHandle>,
    drain: Vec<StopStep>,
    after: Vec<StopStep>,
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

async fn run(steps: &mut Vec<StopStep>) {
    for step in steps.drain(..) {
        step().await;
    }
}
