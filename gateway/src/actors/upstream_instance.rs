//! An instance of a service, as requests use it.

use super::instance_source::InstanceAddress;
use crate::domain::rendezvous::{RoutingKey, Seed};
use actix::prelude::*;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Requests or probes in a row without an answer that open the circuit.
const SILENT_AFTER: u32 = 5;

/// What is known about an instance, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum InstanceHealth {
    /// It answers that it is ready.
    Ready,
    /// It was not probed yet.
    Unproven,
    /// It did not answer the last probe, or a request, in time.
    Late,
    /// It answers that it is not ready.
    NotReady,
    /// It accepts no connection.
    Refusing,
    /// It has not answered for some time.
    Silent,
}

impl InstanceHealth {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Ready, Self::Unproven, Self::Late, Self::NotReady, Self::Refusing, Self::Silent];

    /// Its name, `ready`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unproven => "unproven",
            Self::Late => "late",
            Self::NotReady => "not_ready",
            Self::Refusing => "refusing",
            Self::Silent => "silent",
        }
    }

    /// Whether the instance leaves requests and probes without an answer.
    pub(super) fn is_unanswering(self) -> bool {
        matches!(self, Self::Late | Self::Silent)
    }
}

/// What kind of requests an instance is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadKind {
    /// Ordinary requests.
    Requests,
    /// Streams of events.
    Streams,
}

impl LoadKind {
    /// Its name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Streams => "streams",
        }
    }
}

/// An instance with its counters, which requests change without the actor.
pub(crate) struct UpstreamInstance {
    pub(super) address: InstanceAddress,
    seed: Seed,
    /// Its address and port, for logs.
    name: Arc<str>,
    requests: AtomicUsize,
    most_requests: usize,
    /// Streams stay for hours. Counted with the requests, they would send these elsewhere.
    streams: AtomicUsize,
    /// Requests and probes in a row that were not answered in time.
    unanswered: AtomicU32,
    lost: Notify,
    reports: Recipient<ReportHealth>,
}

impl UpstreamInstance {
    /// An instance that answers `most_requests` of this gateway at once at most.
    pub(super) fn new(
        address: InstanceAddress,
        most_requests: usize,
        reports: Recipient<ReportHealth>,
    ) -> Self {
        Self {
            seed: Seed::of(&address.to_string()),
            name: address.socket().to_string().into(),
            address,
            requests: AtomicUsize::new(0),
            most_requests,
            streams: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
            lost: Notify::new(),
            reports,
        }
    }

    /// The requests of this kind that the instance is answering now.
    pub(super) fn load(&self, kind: LoadKind) -> usize {
        self.counter(kind).load(Ordering::Relaxed)
    }

    /// Whether it takes no further request. Streams have a limit of their own.
    pub(super) fn is_full(&self, kind: LoadKind) -> bool {
        kind == LoadKind::Requests && self.load(kind) >= self.most_requests
    }

    /// How well it suits a key: the instance with the highest score takes its requests.
    pub(super) fn score(&self, key: RoutingKey) -> u64 {
        self.seed.score(key)
    }

    /// Records an answer.
    pub(super) fn count_answer(&self) {
        // Most answers find nothing to change: a write would take the cache line from the other threads.
        if self.unanswered.load(Ordering::Relaxed) != 0 {
            self.unanswered.store(0, Ordering::Relaxed);
        }
    }

    /// Records a missing answer; returns what the instance counts as now.
    pub(super) fn count_silence(&self) -> InstanceHealth {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT_AFTER {
            InstanceHealth::Silent
        } else {
            InstanceHealth::Late
        }
    }

    /// Tells the requests that have waited for long that the instance does not answer.
    pub(super) fn tell_lost(&self) {
        self.lost.notify_waiters();
    }

    fn counter(&self, kind: LoadKind) -> &AtomicUsize {
        match kind {
            LoadKind::Requests => &self.requests,
            LoadKind::Streams => &self.streams,
        }
    }
}

/// Tells the actor what a request learned about an instance.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReportHealth {
    pub(super) socket: SocketAddr,
    pub(super) health: InstanceHealth,
}

/// A request that an instance is answering. It counts as load until it is dropped.
pub(crate) struct InFlightRequest {
    instance: Arc<UpstreamInstance>,
    kind: LoadKind,
}

impl InFlightRequest {
    /// Starts a request; `None` where the instance is full.
    pub(super) fn start(instance: &Arc<UpstreamInstance>, kind: LoadKind) -> Option<Self> {
        let before = instance.counter(kind).fetch_add(1, Ordering::Relaxed);
        // Ends the count again where it is over the limit.
        let started = Self { instance: Arc::clone(instance), kind };
        (kind == LoadKind::Streams || before < instance.most_requests).then_some(started)
    }

    /// The instance.
    pub(crate) fn instance(&self) -> &Arc<UpstreamInstance> {
        &self.instance
    }

    /// Where the instance listens.
    pub(crate) fn socket(&self) -> SocketAddr {
        self.instance.address.socket()
    }

    /// The address of a path and query at the instance.
    pub(crate) fn address(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.instance.address)
    }

    /// What `Host` says in requests to it.
    pub(crate) fn host(&self) -> &str {
        self.instance.address.host()
    }

    /// Address and port of the instance, for logs.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.instance.name)
    }

    /// Records that the instance answered.
    pub(crate) fn answered(&self) {
        self.instance.count_answer();
    }

    /// Reports that the instance refused the connection.
    pub(crate) fn refused(&self) {
        self.report(InstanceHealth::Refusing);
    }

    /// Records that the instance did not answer in time.
    pub(crate) fn unanswered(&self) {
        self.report(self.instance.count_silence());
    }

    /// Ready when a probe of the instance goes unanswered.
    pub(crate) async fn lost(&self) {
        self.instance.lost.notified().await;
    }

    fn report(&self, health: InstanceHealth) {
        // A full mailbox already holds reports that say the same.
        let _ = self.instance.reports.try_send(ReportHealth { socket: self.socket(), health });
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.instance.counter(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}
