//! The upstreams: which instance of a service takes a request.
//!
//! [`InstanceProber`] says which instances are usable. Among these a request with a routing key takes the one that
//! suits its key best, and any other request the least busy one. An instance that has as many requests as it may have
//! is passed over; beyond all of them a request is refused at once.

use super::{
    instance_prober::{InstanceProber, InstanceSnapshot, StopProbing, UpstreamSettings},
    instance_source::{InstanceAddress, InstanceSource, Resolver, SystemResolver},
    upstream_instance::{InFlightRequest, InstanceHealth, LoadKind, UpstreamInstance},
};
use crate::domain::{rendezvous::RoutingKey, routing_table::ServiceName};
use actix::prelude::*;
use futures_util::future::join3;
use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::timeout};
use url::Url;

/// How long a start waits for host names.
const FIRST_RESOLUTION: Duration = Duration::from_secs(2);

/// Why a request has no instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoInstance {
    /// No instance of this service would answer.
    #[error("no instance of {0} answers")]
    Unavailable(&'static str),
    /// Each has as many requests as it may have.
    #[error("all instances of {0} are busy")]
    Busy(&'static str),
}

/// What an instance is chosen by.
#[derive(Clone, Copy)]
pub(crate) struct InstanceChoice<'a> {
    /// What the request counts as.
    pub(crate) kind: LoadKind,
    /// What keeps requests together; without one the least busy instance is taken.
    pub(crate) key: Option<RoutingKey>,
    /// The instance that has failed: it is taken only where there is no other.
    pub(crate) besides: Option<&'a UpstreamInstance>,
}

impl InstanceChoice<'_> {
    /// Any instance, for an ordinary request.
    pub(crate) const LEAST_BUSY: Self = Self { kind: LoadKind::Requests, key: None, besides: None };

    /// The place of an instance in the order of preference; the lowest is taken.
    fn rank(&self, instance: &UpstreamInstance) -> (bool, bool, u64) {
        let failed = self.besides.is_some_and(|failed| std::ptr::eq(failed, instance));
        let order = match self.key {
            Some(key) => u64::MAX - instance.score(key),
            None => instance.load(self.kind) as u64,
        };
        (instance.is_full(self.kind), failed, order)
    }
}

/// An instance, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceReport {
    /// Its base address, `http://10.0.0.1:8082`.
    pub(crate) address: Url,
    /// What is known of it: `ready`, `unproven`, `late`, `not_ready`, `refusing`, `silent`.
    pub(crate) state: &'static str,
}

/// A cloneable handle of a service's instances.
#[derive(Clone)]
pub(crate) struct Upstream {
    service: ServiceName,
    snapshot: watch::Receiver<Arc<InstanceSnapshot>>,
    prober: Addr<InstanceProber>,
    next: Arc<AtomicUsize>,
}

impl Upstream {
    /// Follows the instances at these addresses, on the present arbiter. Names are resolved first, within two
    /// seconds. All instances are used until the first probe ends.
    pub(crate) async fn start(service: ServiceName, bases: &[Url], settings: UpstreamSettings) -> Self {
        Self::start_with(service, bases, settings, Rc::new(SystemResolver)).await
    }

    async fn start_with(
        service: ServiceName,
        bases: &[Url],
        settings: UpstreamSettings,
        resolver: Rc<dyn Resolver>,
    ) -> Self {
        let mut source = InstanceSource::new(bases, resolver);
        if source.has_names()
            && let Ok(resolution) = timeout(FIRST_RESOLUTION, source.resolve()).await
        {
            source.learn(resolution);
        }
        let (sender, snapshot) = watch::channel(Arc::default());
        let prober = Actor::create(|ctx: &mut Context<InstanceProber>| {
            InstanceProber::new(service, settings, source, sender, ctx.address().recipient())
        });
        Self { service, snapshot, prober, next: Arc::default() }
    }

    /// Starts a request at the instance that suits it best.
    ///
    /// # Errors
    /// [`NoInstance`].
    pub(crate) fn pick(&self, choice: InstanceChoice<'_>) -> Result<InFlightRequest, NoInstance> {
        let snapshot = Arc::clone(&self.snapshot.borrow());
        let instances = &snapshot.usable;
        // Starting at another instance each time shares the load among those that are equally busy.
        let start = if instances.len() > 1 { self.next.fetch_add(1, Ordering::Relaxed) } else { 0 };
        // Others may fill the chosen instance meanwhile: then the next one is chosen.
        for _ in 0..=instances.len() {
            let in_turn =
                (0..instances.len()).map(|step| &instances[start.wrapping_add(step) % instances.len()]);
            let Some(best) = in_turn.min_by_key(|instance| choice.rank(instance)) else {
                return Err(NoInstance::Unavailable(self.service.as_str()));
            };
            if let Some(started) = InFlightRequest::start(best, choice.kind) {
                return Ok(started);
            }
        }
        metrics::counter!("aerobus_upstream_busy_total", "service" => self.service.as_str()).increment(1);
        Err(NoInstance::Busy(self.service.as_str()))
    }

    /// Whether another instance than this one can take requests.
    pub(crate) fn has_other(&self, instance: &Arc<UpstreamInstance>) -> bool {
        self.snapshot.borrow().usable.iter().any(|other| !Arc::ptr_eq(other, instance))
    }

    /// All instances and what is known of them.
    pub(crate) fn instances(&self) -> Vec<InstanceReport> {
        let snapshot = Arc::clone(&self.snapshot.borrow());
        let report = |(address, health): &(InstanceAddress, InstanceHealth)| {
            Some(InstanceReport { address: address.base()?, state: health.as_str() })
        };
        snapshot.all.iter().filter_map(report).collect()
    }

    /// Resolves the names now.
    #[cfg(test)]
    async fn follow_names(&self) {
        self.prober.send(super::instance_prober::FollowNames).await.unwrap();
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
    /// Follows the instances of all services.
    pub(crate) async fn start(
        (flight, booking, mailer): (&[Url], &[Url], &[Url]),
        settings: UpstreamSettings,
    ) -> Self {
        let (flight, booking, mailer) = join3(
            Upstream::start(ServiceName::Flight, flight, settings),
            Upstream::start(ServiceName::Booking, booking, settings),
            Upstream::start(ServiceName::Mailer, mailer, settings),
        )
        .await;
        Self { flight, booking, mailer }
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
mod tests;
