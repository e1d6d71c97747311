//! The circuit: while the provider is silent, payments are refused at once instead of piling up.
//!
//! One payment without an answer says nothing of the others (a card may be slow), and neither do a few.
//! So a row of them only raises a suspicion: then the provider is asked whether it answers at all, and
//! the circuit is open from the first "no" to the next "yes". No traveller's payment is the probe.

use super::watched_provider::SharedProvider;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// Calls in a row without an answer that raise the suspicion.
const SUSPICIOUS: u32 = 5;
/// How long the provider has for saying that it answers.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it takes until it is asked again, whether it has answered or not; it doubles each time. So it
/// is known after one second at most that it answers again.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(1);

/// See the module. Clones are of the same circuit.
#[derive(Debug, Clone, Default)]
pub(super) struct Circuit(Arc<State>);

#[derive(Debug, Default)]
struct State {
    silences: AtomicU32,
    open: AtomicBool,
    /// Somebody asks the provider whether it answers.
    watched: AtomicBool,
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

    /// The provider has not answered a call. In case of suspicion it is asked, by a task of its own on
    /// the present arbiter, until it answers or nobody needs it any more.
    pub(super) fn unanswered(&self, provider: &SharedProvider, needed: impl Fn() -> bool + 'static) {
        let silences = self.0.silences.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if silences >= SUSPICIOUS && !self.0.watched.swap(true, Ordering::AcqRel) {
            actix::spawn(watch(Watched(self.0.clone()), provider.clone(), needed));
        }
    }
}

/// Ends the watch when it is dropped, however that comes.
struct Watched(Arc<State>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.silences.store(0, Ordering::Relaxed);
        self.0.watched.store(false, Ordering::Release);
        self.set(false);
    }
}

impl Watched {
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

async fn watch(watched: Watched, provider: SharedProvider, needed: impl Fn() -> bool) {
    let mut asked = FuturesUnordered::new();
    let mut pause = FIRST;
    while needed() {
        asked.push(timeout(PATIENCE, provider.answers()));
        let until = Instant::now() + pause;
        // A question that stays without an answer does not put off the next one.
        while let Ok(Some(answer)) = timeout_at(until, asked.next()).await {
            match answer {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "The payment provider was asked whether it answers"),
                Err(_) => {}
            }
            watched.set(true);
        }
        sleep_until(until).await;
        pause = (pause * 2).min(LONGEST);
    }
}
