//! Knows the instances of a service: which ones answer, and how busy they are.
//!
//! The actor probes each instance every second and publishes the usable ones as an immutable snapshot, which
//! requests read without a mailbox hop. A request takes the least busy one.
//!
//! Invariant: while any instance may still answer, the snapshot is not empty. Ready instances come first, then
//! those that say they are not ready, then those that refuse connections (trying one costs nothing). An
//! instance that accepts connections and stays silent is left out until it answers a probe: this is the
//! circuit breaker.

use super::upstream_instance::{InFlightRequest, InstanceHealth, LoadKind, ReportHealth, UpstreamInstance};
use crate::domain::routing_table::ServiceName;
use actix::prelude::*;
use awc::error::{ConnectError, SendRequestError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use url::Url;

/// How often an instance is probed, and how long it may take to answer.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// No instance of this service would answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no instance of {0} answers")]
pub(crate) struct NoAvailableInstance(pub(crate) &'static str);

type UsableInstances = Arc<[Arc<UpstreamInstance>]>;

struct ProbedInstance {
    instance: Arc<UpstreamInstance>,
    health: InstanceHealth,
    /// A probe has not ended yet.
    probing: bool,
}

/// Asks the actor to stop.
#[derive(Message)]
#[rtype(result = "()")]
struct StopProbing;

/// The actor; one a service.
struct InstanceProber {
    service: ServiceName,
    instances: Vec<ProbedInstance>,
    usable: watch::Sender<UsableInstances>,
    client: awc::Client,
}

impl InstanceProber {
    fn probe_all(&mut self, ctx: &mut Context<Self>) {
        for index in 0..self.instances.len() {
            if std::mem::replace(&mut self.instances[index].probing, true) {
                continue;
            }
            let request = self.client.get(self.instances[index].instance.address("/health/ready"));
            let probe = async move { health_of(&request.send().await.map(|response| response.status())) };
            // Interleaves with the other instances' probes and with reports.
            ctx.spawn(probe.into_actor(self).map(move |health, prober, _| prober.end_probe(index, health)));
        }
    }

    /// Takes the result of a probe; `None` for one without an answer.
    fn end_probe(&mut self, index: usize, health: Option<InstanceHealth>) {
        self.instances[index].probing = false;
        let instance = &self.instances[index].instance;
        match health {
            Some(health) => {
                instance.count_answer();
                self.record(index, health);
            }
            // A busy instance may miss a probe.
            None if instance.count_silence() => self.record(index, InstanceHealth::Silent),
            None => {}
        }
    }

    fn record(&mut self, index: usize, health: InstanceHealth) {
        let probed = &mut self.instances[index];
        if probed.health == health {
            return;
        }
        tracing::info!(upstream.service = self.service.as_str(), upstream.state = ?health, upstream.address = %probed.instance.base, "An instance changed");
        probed.health = health;
        self.usable.send_replace(usable(&self.instances));
    }
}

/// The instances with the best health that any of them has; none where all are silent.
fn usable(instances: &[ProbedInstance]) -> UsableInstances {
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
        ctx.run_interval(PROBE_INTERVAL, Self::probe_all);
    }
}

impl Handler<ReportHealth> for InstanceProber {
    type Result = ();

    fn handle(&mut self, report: ReportHealth, _: &mut Self::Context) {
        let mut bases = self.instances.iter().map(|probed| &probed.instance.base);
        if let Some(index) = bases.position(|base| *base == report.base) {
            self.record(index, report.health);
        }
    }
}

impl Handler<StopProbing> for InstanceProber {
    type Result = ();

    fn handle(&mut self, _: StopProbing, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A cloneable handle of a service's instances.
#[derive(Clone)]
pub(crate) struct Upstream {
    service: ServiceName,
    usable: watch::Receiver<UsableInstances>,
    prober: Addr<InstanceProber>,
    next: Arc<AtomicUsize>,
}

impl Upstream {
    /// Probes these instances, on the present arbiter. They count as ready until a probe says otherwise, so the
    /// first request need not wait for one.
    pub(crate) fn start(service: ServiceName, bases: Vec<Url>) -> Self {
        let ready = |base| ProbedInstance {
            instance: Arc::new(UpstreamInstance::new(base)),
            health: InstanceHealth::Ready,
            probing: false,
        };
        let instances: Vec<ProbedInstance> = bases.into_iter().map(ready).collect();
        let (sender, receiver) = watch::channel(usable(&instances));
        let client = awc::Client::builder().timeout(PROBE_INTERVAL).disable_redirects().finish();
        let prober = Actor::start(InstanceProber { service, instances, usable: sender, client });
        Self { service, usable: receiver, prober, next: Arc::default() }
    }

    /// Starts a request at the instance with the least load of this kind.
    ///
    /// # Errors
    /// [`NoAvailableInstance`].
    pub(crate) fn pick(&self, kind: LoadKind) -> Result<InFlightRequest, NoAvailableInstance> {
        let instances = Arc::clone(&self.usable.borrow());
        // Starting at another instance each time shares the load among those that are equally busy.
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn =
            (0..instances.len()).map(|step| &instances[(start.wrapping_add(step)) % instances.len()]);
        let instance = in_turn.min_by_key(|instance| instance.load(kind));
        let instance = instance.ok_or(NoAvailableInstance(self.service.as_str()))?;
        Ok(InFlightRequest::start(Arc::clone(instance), kind, self.prober.clone().recipient()))
    }

    /// Stops probing.
    pub(crate) async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.prober.send(StopProbing).await;
    }
}

/// The upstreams of all services.
#[derive(Clone)]
pub(crate) struct Upstreams {
    flight: Upstream,
    booking: Upstream,
    mailer: Upstream,
}

impl Upstreams {
    /// Probes the instances of all services.
    pub(crate) fn start(flight: Vec<Url>, booking: Vec<Url>, mailer: Vec<Url>) -> Self {
        Self {
            flight: Upstream::start(ServiceName::Flight, flight),
            booking: Upstream::start(ServiceName::Booking, booking),
            mailer: Upstream::start(ServiceName::Mailer, mailer),
        }
    }

    /// The upstream of a service; none for the gateway itself.
    pub(crate) fn of(&self, service: ServiceName) -> Option<&Upstream> {
        match service {
            ServiceName::Gateway => None,
            ServiceName::Flight => Some(&self.flight),
            ServiceName::Booking => Some(&self.booking),
            ServiceName::Mailer => Some(&self.mailer),
        }
    }

    /// Stops probing all of them.
    pub(crate) async fn stop(&self) {
        for upstream in [&self.flight, &self.booking, &self.mailer] {
            upstream.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(health: &[InstanceHealth]) -> Vec<ProbedInstance> {
        let one = |(index, health): (usize, &InstanceHealth)| ProbedInstance {
            instance: Arc::new(UpstreamInstance::new(format!("http://10.0.0.{index}:80").parse().unwrap())),
            health: *health,
            probing: false,
        };
        health.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_best_instances_are_used_and_silent_ones_never() {
        use InstanceHealth::{NotReady, Ready, Refusing, Silent};
        for (health, count) in [
            (vec![Ready, NotReady, Ready], 2),
            (vec![NotReady, Refusing, Silent], 1),
            (vec![Refusing, Silent], 1),
            (vec![Silent, Silent], 0),
        ] {
            assert_eq!(usable(&probed(&health)).len(), count, "{health:?}");
        }
    }

    #[actix_web::test]
    async fn requests_go_to_the_least_busy_instance() {
        let urls = vec!["http://10.0.0.1:80".parse().unwrap(), "http://10.0.0.2:80".parse().unwrap()];
        let upstream = Upstream::start(ServiceName::Flight, urls);
        let pick = || upstream.pick(LoadKind::Requests).unwrap();
        let (one, other) = (pick(), pick());
        assert_ne!(one.address("/x"), other.address("/x"));
        let freed = one.address("/x");
        drop(one);
        // Streams are shared out among themselves, and do not count as load of requests.
        let streams = [LoadKind::Streams; 4].map(|kind| upstream.pick(kind).unwrap());
        assert_eq!(streams.iter().filter(|stream| stream.address("/x") == freed).count(), 2);
        assert_eq!(pick().address("/x"), freed);
        assert_eq!(freed.matches("//").count(), 1, "{freed}");
        upstream.stop().await;
    }
}
