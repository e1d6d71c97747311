//! The actor that follows the instances of a service: where they are, and which of them answer.
//!
//! It resolves host names at an interval, probes each instance every second, and publishes both as an immutable
//! snapshot, which requests read without a mailbox hop.
//!
//! Invariant: while any instance may still answer, the snapshot has a usable one. Those with the best health that any
//! instance has are usable: a new instance waits for its first probe while others are ready, and one that refuses
//! connections is tried only when nothing else is left, which costs nothing. An instance that accepts connections and
//! stays silent is left out until it answers a probe: this is the circuit breaker.
//!
//! An instance whose address vanishes is left out at once. Its requests under way run to their end.

use super::{
    instance_source::{InstanceAddress, InstanceSource, Resolution},
    upstream_instance::{InstanceHealth, LoadKind, ReportHealth, UpstreamInstance},
};
use crate::domain::routing_table::ServiceName;
use actix::prelude::*;
use awc::error::{ConnectError, SendRequestError};
use futures_util::future::join_all;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How often an instance is probed, and how long it may take to answer.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// How a service's instances are followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpstreamSettings {
    /// How often host names are resolved.
    pub(crate) resolve_interval: Duration,
    /// Requests that an instance answers at once at most.
    pub(crate) most_requests: usize,
}

/// What is known of the instances at one time.
#[derive(Default)]
pub(super) struct InstanceSnapshot {
    /// Those that requests may go to.
    pub(super) usable: Vec<Arc<UpstreamInstance>>,
    /// All of them.
    pub(super) all: Vec<(InstanceAddress, InstanceHealth)>,
}

pub(super) struct ProbedInstance {
    pub(super) instance: Arc<UpstreamInstance>,
    pub(super) health: InstanceHealth,
    /// A probe has not ended yet.
    probing: bool,
}

impl ProbedInstance {
    pub(super) fn new(instance: UpstreamInstance, health: InstanceHealth) -> Self {
        Self { instance: Arc::new(instance), health, probing: false }
    }
}

/// Resolves the names; answered when the answer is taken over.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FollowNames;

/// Probes the instances; answered when each has answered or is late.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ProbeInstances;

/// Asks the actor to stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopProbing;

/// The actor; one a service.
pub(super) struct InstanceProber {
    service: ServiceName,
    settings: UpstreamSettings,
    source: InstanceSource,
    resolved: Instant,
    resolving: bool,
    instances: Vec<ProbedInstance>,
    snapshot: watch::Sender<Arc<InstanceSnapshot>>,
    client: awc::Client,
    reports: Recipient<ReportHealth>,
}

impl InstanceProber {
    /// An actor over a source that was resolved just now.
    pub(super) fn new(
        service: ServiceName,
        settings: UpstreamSettings,
        source: InstanceSource,
        snapshot: watch::Sender<Arc<InstanceSnapshot>>,
        reports: Recipient<ReportHealth>,
    ) -> Self {
        let client = awc::Client::builder().timeout(PROBE_INTERVAL).disable_redirects().finish();
        let resolved = Instant::now();
        let mut prober = Self {
            service,
            settings,
            source,
            resolved,
            resolving: false,
            instances: Vec::new(),
            snapshot,
            client,
            reports,
        };
        prober.adopt();
        prober
    }

    /// Takes over the addresses of the source. Returns whether there are new ones.
    fn adopt(&mut self) -> bool {
        let addresses = self.source.addresses();
        self.instances.retain(|probed| {
            let stays = addresses.contains(&probed.instance.address);
            if !stays {
                tracing::info!(upstream.service = self.service.as_str(), upstream.address = %probed.instance.address, "An instance has gone: it gets no new requests");
            }
            stays
        });
        let known = self.instances.len();
        for address in addresses {
            if !self.instances.iter().any(|probed| probed.instance.address == address) {
                tracing::info!(upstream.service = self.service.as_str(), upstream.address = %address, "There is a new instance");
                let instance =
                    UpstreamInstance::new(address, self.settings.most_requests, self.reports.clone());
                self.instances.push(ProbedInstance::new(instance, InstanceHealth::Unproven));
            }
        }
        self.publish();
        self.instances.len() > known
    }

    fn publish(&self) {
        let usable = usable(&self.instances);
        let all = self.instances.iter().map(|probed| (probed.instance.address.clone(), probed.health));
        for health in InstanceHealth::ALL {
            let count = self.instances.iter().filter(|probed| probed.health == health).count();
            #[expect(clippy::cast_precision_loss, reason = "instances are few")]
            metrics::gauge!("aerobus_upstream_instances", "service" => self.service.as_str(), "state" => health.as_str())
                .set(count as f64);
        }
        self.snapshot.send_replace(Arc::new(InstanceSnapshot { usable, all: all.collect() }));
    }

    fn end_resolution(&mut self, resolution: Resolution, ctx: &mut Context<Self>) {
        (self.resolving, self.resolved) = (false, Instant::now());
        self.source.learn(resolution);
        if self.adopt() {
            ctx.notify(ProbeInstances);
        }
    }

    /// Takes the result of a probe; `None` for one without an answer.
    fn end_probe(&mut self, socket: SocketAddr, health: Option<InstanceHealth>) {
        let Some(probed) =
            self.instances.iter_mut().find(|probed| probed.instance.address.socket() == socket)
        else {
            return;
        };
        probed.probing = false;
        if health.is_some() {
            probed.instance.count_answer();
        }
        let health = health.unwrap_or_else(|| probed.instance.count_silence());
        self.record(socket, health);
    }

    fn record(&mut self, socket: SocketAddr, health: InstanceHealth) {
        let Some(probed) =
            self.instances.iter_mut().find(|probed| probed.instance.address.socket() == socket)
        else {
            return;
        };
        let instance = Arc::clone(&probed.instance);
        if probed.health != health {
            tracing::info!(upstream.service = self.service.as_str(), upstream.state = health.as_str(), upstream.address = %instance.address, "An instance changed");
            probed.health = health;
            self.publish();
        }
        if health.is_unanswering() {
            instance.tell_lost();
        }
    }

    /// Resolves where it is time, and probes.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let is_due = self.source.is_incomplete() || self.resolved.elapsed() >= self.settings.resolve_interval;
        if self.source.has_names() && is_due && !self.resolving {
            ctx.notify(FollowNames);
        }
        self.measure();
        ctx.notify(ProbeInstances);
    }

    fn measure(&self) {
        for kind in [LoadKind::Requests, LoadKind::Streams] {
            let load: usize = self.instances.iter().map(|probed| probed.instance.load(kind)).sum();
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            metrics::gauge!("aerobus_upstream_in_flight", "service" => self.service.as_str(), "kind" => kind.as_str())
                .set(load as f64);
        }
    }
}

/// The instances with the best health that any of them has; none where all are silent.
pub(super) fn usable(instances: &[ProbedInstance]) -> Vec<Arc<UpstreamInstance>> {
    let best =
        instances.iter().map(|probed| probed.health).min().filter(|best| *best != InstanceHealth::Silent);
    let usable = instances.iter().filter(|probed| Some(probed.health) == best);
    usable.map(|probed| Arc::clone(&probed.instance)).collect()
}

fn health_of(answer: &Result<awc::http::StatusCode, SendRequestError>) -> Option<InstanceHealth> {
    match answer {
        Ok(status) if status.is_success() => Some(InstanceHealth::Ready),
        Ok(_) => Some(InstanceHealth::NotReady),
        Err(SendRequestError::Timeout | SendRequestError::Connect(ConnectError::Timeout)) => None,
        Err(_) => Some(InstanceHealth::Refusing),
    }
}

impl Actor for InstanceProber {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.notify(ProbeInstances);
        ctx.run_interval(PROBE_INTERVAL, Self::tick);
    }
}

impl Handler<FollowNames> for InstanceProber {
    // Interleaves with probes and reports.
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: FollowNames, _: &mut Self::Context) -> Self::Result {
        self.resolving = true;
        let resolving = self.source.resolve().into_actor(self);
        Box::pin(resolving.map(|resolution, prober, ctx| prober.end_resolution(resolution, ctx)))
    }
}

impl Handler<ProbeInstances> for InstanceProber {
    // Interleaves with reports and with the resolver.
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: ProbeInstances, ctx: &mut Self::Context) -> Self::Result {
        let mut probes = Vec::new();
        for probed in self.instances.iter_mut().filter(|probed| !probed.probing) {
            probed.probing = true;
            let address = &probed.instance.address;
            let (socket, host) = (address.socket(), address.host().to_owned());
            let request = self.client.get(format!("{address}/health/ready")).insert_header(("host", host));
            let prober = ctx.address();
            probes.push(async move {
                let health = health_of(&request.send().await.map(|response| response.status()));
                // Told at once: a slow instance must not delay what is known of the others.
                let _ = prober.send(ProbeResult { socket, health }).await;
            });
        }
        Box::pin(join_all(probes).into_actor(self).map(|_, _, _| ()))
    }
}

/// The result of a probe; `None` for one without an answer.
#[derive(Message)]
#[rtype(result = "()")]
struct ProbeResult {
    socket: SocketAddr,
    health: Option<InstanceHealth>,
}

impl Handler<ProbeResult> for InstanceProber {
    type Result = ();

    fn handle(&mut self, result: ProbeResult, _: &mut Self::Context) {
        self.end_probe(result.socket, result.health);
    }
}

impl Handler<ReportHealth> for InstanceProber {
    type Result = ();

    fn handle(&mut self, report: ReportHealth, _: &mut Self::Context) {
        self.record(report.socket, report.health);
    }
}

impl Handler<StopProbing> for InstanceProber {
    type Result = ();

    fn handle(&mut self, _: StopProbing, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
