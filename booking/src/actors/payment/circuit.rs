//! The circuit breaker: while the provider is silent, payments are refused at once instead of piling up.
//!
//! A few payments without an answer do not show that the provider is down: a card may be slow. Several in a row only
//! start a probe, which asks the provider whether it answers at all. The circuit is open from the first failed probe
//! to the next answered one. No traveller's payment is the probe.

use super::shared_provider::SharedProvider;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// Calls in a row without an answer that start the probe.
const SUSPICIOUS: u32 = 5;
/// How long the provider has for answering a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause between two probes, answered or not; it doubles each time. So an answering provider is noticed after
/// one second at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// See the module. Clones share one circuit.
#[derive(Debug, Clone, Default)]
pub(super) struct Circuit(Arc<CircuitState>);

#[derive(Debug, Default)]
struct CircuitState {
    silences: AtomicU32,
    open: AtomicBool,
    /// A probe is running.
    probed: AtomicBool,
}

impl Circuit {
    /// Whether the provider is silent, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.0.open.load(Ordering::Acquire)
    }

    /// The provider has answered a call.
    pub(super) fn heard(&self) {
        self.0.silences.store(0, Ordering::Relaxed);
    }

    /// The provider has not answered a call. Several such calls in a row start a probe on the present arbiter. It
    /// runs until the provider answers, or until the process shuts down.
    pub(super) fn unanswered(&self, provider: &SharedProvider, needed: impl Fn() -> bool + 'static) {
        let silences = self.0.silences.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if silences >= SUSPICIOUS && !self.0.probed.swap(true, Ordering::AcqRel) {
            actix::spawn(probe(Probing(self.0.clone()), provider.clone(), needed));
        }
    }
}

/// Ends the probe when it is dropped, by a panic as well.
struct Probing(Arc<CircuitState>);

impl Drop for Probing {
    fn drop(&mut self) {
        self.0.silences.store(0, Ordering::Relaxed);
        self.0.probed.store(false, Ordering::Release);
        self.set(false);
    }
}

impl Probing {
    fn set(&self, open: bool) {
        if self.0.open.swap(open, Ordering::AcqRel) == open {
            return;
        }
        metrics::gauge!("booking_payment_circuit_open").set(if open { 1.0 } else { 0.0 });
        if open {
            tracing::error!("The payment provider is silent: payments are refused");
        } else {
            tracing::info!("The payment provider answers again: payments are taken");
        }
    }
}

async fn probe(probing: Probing, provider: SharedProvider, needed: impl Fn() -> bool) {
    let mut asked = FuturesUnordered::new();
    let mut pause = FIRST_PAUSE;
    while needed() {
        asked.push(timeout(PROBE_TIMEOUT, provider.answers()));
        let until = Instant::now() + pause;
        // A probe without an answer does not delay the next one.
        while let Ok(Some(answer)) = timeout_at(until, asked.next()).await {
            match answer {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "The payment provider was asked whether it answers"),
                Err(_) => {}
            }
            probing.set(true);
        }
        sleep_until(until).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
