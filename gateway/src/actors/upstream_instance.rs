//! An instance of a service, as requests use it.

use actix::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};
use url::Url;

/// Requests or probes in a row without an answer that open the circuit.
const SILENT_AFTER: u32 = 5;

/// What is known about an instance, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InstanceHealth {
    Ready,
    NotReady,
    Refusing,
    Silent,
}

/// What kind of requests an instance is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadKind {
    /// Ordinary requests.
    Requests,
    /// Streams of events.
    Streams,
}

/// An instance with its counters, which requests change without the actor.
pub(super) struct UpstreamInstance {
    pub(super) base: Url,
    requests: AtomicUsize,
    /// Streams stay for hours. Counted with the requests, they would send these elsewhere.
    streams: AtomicUsize,
    /// Requests and probes in a row that were not answered in time.
    unanswered: AtomicU32,
}

impl UpstreamInstance {
    pub(super) fn new(base: Url) -> Self {
        Self {
            base,
            requests: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
        }
    }

    /// The requests of this kind that the instance is answering now.
    pub(super) fn load(&self, kind: LoadKind) -> usize {
        self.counter(kind).load(Ordering::Relaxed)
    }

    /// The address of a path and query at the instance.
    pub(super) fn address(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.base.as_str().trim_end_matches('/'))
    }

    /// Records an answer.
    pub(super) fn count_answer(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// Records a missing answer; returns whether the instance counts as silent now.
    pub(super) fn count_silence(&self) -> bool {
        self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT_AFTER
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
    pub(super) base: Url,
    pub(super) health: InstanceHealth,
}

/// A request that an instance is answering. It counts as load until it is dropped.
pub(crate) struct InFlightRequest {
    instance: Arc<UpstreamInstance>,
    kind: LoadKind,
    reports: Recipient<ReportHealth>,
}

impl InFlightRequest {
    pub(super) fn start(
        instance: Arc<UpstreamInstance>,
        kind: LoadKind,
        reports: Recipient<ReportHealth>,
    ) -> Self {
        instance.counter(kind).fetch_add(1, Ordering::Relaxed);
        Self { instance, kind, reports }
    }

    /// The address of a path and query at the instance.
    pub(crate) fn address(&self, path_and_query: &str) -> String {
        self.instance.address(path_and_query)
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
        if self.instance.count_silence() {
            self.report(InstanceHealth::Silent);
        }
    }

    fn report(&self, health: InstanceHealth) {
        // A full mailbox already holds reports that say the same.
        let _ = self.reports.try_send(ReportHealth { base: self.instance.base.clone(), health });
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.instance.counter(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}
