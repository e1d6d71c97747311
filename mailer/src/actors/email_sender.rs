//! Sends letters that are due: claims them in the database, delivers several at once, and slows down to one
//! probe at a time while no mail server can be reached.
//!
//! **Invariant.** A claim takes no more letters than there are free delivery slots. So every claimed letter is
//! being delivered, and a lease ends by itself only where an instance has crashed.

use super::delivery::LetterDelivery;
use crate::{
    domain::{DeliveryOutcome, backoff},
    store::letters::ClaimedLetter,
};
use shared::ticker::Ticker;
use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often it looks for due letters without a nudge: those whose delay has passed, and those of instances
/// that crashed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The pause between probes for a mail server: the first, and the longest.
const PROBE_PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// A cloneable handle of the sender.
#[derive(Clone)]
pub(crate) struct EmailSender(Arc<SenderState>);

struct SenderState {
    delivery: LetterDelivery,
    /// Letters that may be in flight at once.
    concurrency: usize,
    /// The free delivery slots: each letter in flight holds one.
    slots: Arc<Semaphore>,
    outage: Mutex<MailOutage>,
    /// Claims and starts deliveries; set once, at the start.
    ticker: OnceLock<Ticker>,
}

/// Whether a mail server can be reached, as far as the last attempts tell.
#[derive(Debug, Default)]
struct MailOutage {
    /// Attempts in a row that reached no mail server.
    failures: u32,
    /// The next probe, during an outage.
    probe_at: Option<Instant>,
}

impl EmailSender {
    /// Starts it on the present arbiter. `concurrency` letters may be in flight at once.
    pub(crate) fn start(delivery: LetterDelivery, concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let sender = Self(Arc::new(SenderState {
            delivery,
            concurrency,
            slots: Arc::new(Semaphore::new(concurrency)),
            outage: Mutex::default(),
            ticker: OnceLock::new(),
        }));
        let claiming = sender.clone();
        let ticker =
            Ticker::start("email sender", POLL_INTERVAL, || false, async move || claiming.claim_due().await);
        // The first letters need not wait for the first tick.
        ticker.nudge();
        // The cell is empty.
        let _ = sender.0.ticker.set(ticker);
        sender
    }

    /// Tells that letters were stored. Never blocks, never fails: the sender also polls.
    pub(crate) fn nudge(&self) {
        if let Some(ticker) = self.0.ticker.get() {
            ticker.nudge();
        }
    }

    /// Sends due letters without waiting for the next probe of an outage.
    pub(crate) fn send_now(&self) {
        self.outage().probe_at = None;
        self.nudge();
    }

    /// Stops; ready when the letters in flight are delivered and recorded.
    pub(crate) async fn stop(&self) {
        if let Some(ticker) = self.0.ticker.get() {
            ticker.stop().await;
        }
        let all = u32::try_from(self.0.concurrency).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let _slots = self.0.slots.acquire_many(all).await;
        self.0.delivery.transport.close().await;
    }

    /// Claims letters for the free slots and starts their deliveries, until no letter is due or no slot is free.
    async fn claim_due(&self) {
        loop {
            let free = self.free_slots();
            if free == 0 {
                return;
            }
            let letters = match self.0.delivery.claim(free).await {
                Ok(letters) => letters,
                // The next poll tries again.
                Err(error) => return tracing::warn!(%error, "Letters cannot be claimed"),
            };
            debug_assert!(letters.len() <= free, "a claim takes no more letters than there are free slots");
            let claimed = letters.len();
            for letter in letters {
                // Only this loop takes slots.
                let Ok(slot) = Arc::clone(&self.0.slots).try_acquire_owned() else { return };
                self.deliver(letter, slot);
            }
            if claimed < free {
                return;
            }
        }
    }

    /// How many letters may be claimed now.
    fn free_slots(&self) -> usize {
        let free = self.0.slots.available_permits();
        let outage = self.outage();
        if outage.probe_at.is_some_and(|at| at > Instant::now()) {
            return 0;
        }
        if outage.failures == 0 { free } else { usize::from(free == self.0.concurrency) }
    }

    /// Delivers a letter in a task of its own, which a stop does not cut off.
    fn deliver(&self, letter: ClaimedLetter, slot: OwnedSemaphorePermit) {
        let sender = self.clone();
        actix_web::rt::spawn(async move {
            let delivery = sender.0.delivery.clone();
            match actix_web::rt::spawn(async move { delivery.deliver(letter).await }).await {
                Ok(outcome) => sender.record_outcome(outcome),
                // After the lease the letter is due again.
                Err(panic) => tracing::error!(error.message = %panic, "A delivery failed"),
            }
            drop(slot);
            sender.nudge();
        });
    }

    /// Begins, prolongs or ends an outage.
    fn record_outcome(&self, outcome: DeliveryOutcome) {
        let mut outage = self.outage();
        if outcome != DeliveryOutcome::Unreachable {
            *outage = MailOutage::default();
            return;
        }
        outage.failures = outage.failures.saturating_add(1);
        let (first, longest) = PROBE_PAUSES;
        let pause = backoff(outage.failures, first, longest, rand::random_range(0.0..=1.0));
        tracing::warn!(
            mail.failures = outage.failures,
            delay_ms = pause.as_millis(),
            "No mail server can be reached"
        );
        outage.probe_at = Some(Instant::now() + pause);
        let sender = self.clone();
        actix_web::rt::spawn(async move {
            tokio::time::sleep(pause).await;
            sender.nudge();
        });
    }

    fn outage(&self) -> MutexGuard<'_, MailOutage> {
        // A poisoned lock is safe to use: its holders only set these two members.
        self.0.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
