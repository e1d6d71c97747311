//! Sends letters that are due: claims them in the database, delivers many at once, and slows down to one
//! probe at a time while no mail server can be reached.
//!
//! **Invariant.** Each letter that is claimed here holds a delivery slot until its attempt has ended, and then stays in
//! the recorder. A claim takes no more letters than there are free slots and places in the recorder, and a lease is
//! longer than a letter needs from its claim to its record. So a lease ends by itself only where an instance has
//! crashed, or where the database does not record for so long.

use super::{
    attempt_recorder::{AttemptRecorder, UnrecordedAttempt},
    delivery::LetterDelivery,
    mail_outage::MailOutage,
};
use crate::{
    domain::{DeliveryAttempt, DeliveryOutcome},
    kinds,
    store::{
        batch_connection::BatchConnection,
        letter_queue::{self, Claimed, ClaimedLetter, EndedAttempt},
        letter_tokens,
    },
};
use shared::ticker::Ticker;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// How long a claim waits until a quarter of the slots is free, so that it takes several letters at once.
const GATHER: Duration = Duration::from_millis(20);

/// Letters that are rendered by one message, and belong to one task.
const TOGETHER: usize = 16;

/// Attempts that may wait for their record: beyond that no letter is claimed.
const UNRECORDED: usize = 1024;

/// The pause after a claim failed.
const CLAIM_PAUSE: Duration = Duration::from_secs(1);

/// How often the recorder looks without a nudge: only after a panic is there anything.
const RECORDER_POLL: Duration = Duration::from_secs(60);

/// The times that an installation sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderTimes {
    /// How often due letters are looked for that no nudge tells of: those of instances that crashed.
    pub(crate) poll: Duration,
    /// How long a letter is tried before it is given up.
    pub(crate) retry: Duration,
}

/// A cloneable handle of the sender.
#[derive(Clone)]
pub(crate) struct EmailSender(Arc<SenderState>);

struct SenderState {
    connection: BatchConnection,
    delivery: LetterDelivery,
    recorder: AttemptRecorder,
    /// Letters that may be in flight at once.
    capacity: usize,
    /// The free delivery slots: each letter in flight holds one.
    slots: Arc<Semaphore>,
    /// How often it looks for due letters.
    poll: Duration,
    outage: Mutex<MailOutage>,
    /// Whether more letters may be due than there was room for: then claims follow when a slot is free.
    are_more_due: AtomicBool,
    /// Whether letters may wait for another attempt or for an older letter: then the queue is asked when the next one is due.
    are_retries_due: AtomicBool,
    /// Nudges when the next letter is due.
    timer: Mutex<Option<JoinHandle<()>>>,
    /// Claims and starts deliveries; set once, at the start.
    claiming: OnceLock<Ticker>,
    /// Has attempts recorded; set once, at the start.
    recording: OnceLock<Ticker>,
}

impl EmailSender {
    /// Starts it on the present arbiter, which alone uses the connection.
    pub(crate) fn start(connection: BatchConnection, delivery: LetterDelivery, times: SenderTimes) -> Self {
        let SenderTimes { poll, retry } = times;
        let capacity = delivery.transport.capacity().max(1);
        let recorder = AttemptRecorder::new(connection.clone(), delivery.lease(), retry);
        let sender = Self(Arc::new(SenderState {
            connection,
            delivery,
            recorder,
            capacity,
            slots: Arc::new(Semaphore::new(capacity)),
            poll,
            outage: Mutex::default(),
            are_more_due: AtomicBool::new(false),
            // Those of an earlier run.
            are_retries_due: AtomicBool::new(true),
            timer: Mutex::default(),
            claiming: OnceLock::new(),
            recording: OnceLock::new(),
        }));
        let (claiming, recording) = (sender.clone(), sender.clone());
        let claiming =
            Ticker::start("email sender", poll, || false, async move || claiming.claim_due().await);
        let recording = Ticker::start(
            "attempt recorder",
            RECORDER_POLL,
            || false,
            async move || recording.record().await,
        );
        // The first letters need not wait for the first tick.
        claiming.nudge();
        // The cells are empty.
        let _ = sender.0.claiming.set(claiming);
        let _ = sender.0.recording.set(recording);
        sender
    }

    /// Tells that letters were stored. Never blocks, never fails: the sender also polls.
    pub(crate) fn nudge(&self) {
        if let Some(claiming) = self.0.claiming.get() {
            claiming.nudge();
        }
    }

    /// Sends due letters without waiting for the next probe of an outage.
    pub(crate) fn send_now(&self) {
        self.outage().probe_now();
        self.nudge();
    }

    /// Stops; ready when the letters in flight are delivered and recorded.
    pub(crate) async fn stop(&self) {
        if let Some(claiming) = self.0.claiming.get() {
            claiming.stop().await;
        }
        let all = u32::try_from(self.0.capacity).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let _slots = self.0.slots.acquire_many(all).await;
        self.0.recorder.recorded().await;
        if let Some(recording) = self.0.recording.get() {
            recording.stop().await;
        }
        if let Some(timer) = self.timer().take() {
            timer.abort();
        }
        self.0.delivery.transport.close().await;
        self.0.connection.close().await;
    }

    /// Claims letters for the free slots and starts their deliveries, until no letter is due or no slot is free.
    async fn claim_due(&self) {
        loop {
            let room = self.room().await;
            if room == 0 {
                return self.0.are_more_due.store(true, Ordering::Release);
            }
            let (claimed, lease) = (Instant::now(), self.0.delivery.lease());
            let claim = async |connection: &_| letter_queue::claim(connection, room, lease).await;
            let Claimed { letters, held_back } = match self.0.connection.run(claim).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(%error, "Letters cannot be claimed");
                    return self.nudge_in(CLAIM_PAUSE);
                }
            };
            debug_assert!(letters.len() <= room, "a claim takes no more letters than there is room for");
            let are_more_due = letters.len() + held_back == room;
            if held_back > 0 {
                self.0.are_retries_due.store(true, Ordering::Release);
            }
            let letters = self.attach_tokens(letters).await;
            // Before a slot is free again.
            self.0.are_more_due.store(are_more_due, Ordering::Release);
            self.start_deliveries(letters, claimed);
            if !are_more_due {
                return self.await_retries().await;
            }
        }
    }

    /// How many letters may be claimed now.
    async fn room(&self) -> usize {
        let outage = *self.outage();
        if outage.is_paused() {
            return 0;
        }
        let free = self.0.slots.available_permits();
        if outage.is_over() {
            let quarter = self.0.capacity.div_ceil(4);
            if (1..quarter).contains(&free) {
                // Late or not, what is free then is used.
                let _ = timeout(GATHER, self.0.slots.acquire_many(u32::try_from(quarter).unwrap_or(1))).await;
            }
            let places = UNRECORDED.saturating_sub(self.0.recorder.count());
            return self.0.slots.available_permits().min(places);
        }
        // One probe at a time.
        usize::from(free == self.0.capacity)
    }

    fn start_deliveries(&self, letters: Vec<ClaimedLetter>, claimed: Instant) {
        let mut letters = letters.into_iter();
        while letters.len() > 0 {
            let some: Vec<_> = letters.by_ref().take(TOGETHER).collect();
            let count = u32::try_from(some.len()).unwrap_or(u32::MAX);
            // Only the claims take slots, and no more than are free.
            let Ok(slots) = Arc::clone(&self.0.slots).try_acquire_many_owned(count) else { return };
            self.deliver(some, slots, claimed);
        }
    }

    /// Delivers letters in a task of their own, which a stop does not cut off.
    fn deliver(&self, letters: Vec<ClaimedLetter>, mut slots: OwnedSemaphorePermit, claimed: Instant) {
        let (sender, delivery) = (self.clone(), self.0.delivery.clone());
        actix_web::rt::spawn(async move {
            let telling = sender.clone();
            let work = async move {
                let ended = |letter: &ClaimedLetter, attempt| {
                    telling.end(letter, attempt, claimed);
                    drop(slots.split(1));
                    telling.tell_recorder();
                };
                delivery.deliver(letters, ended).await;
            };
            if let Err(panic) = actix_web::rt::spawn(work).await {
                // After the lease the letters that have no record are due again.
                tracing::error!(error.message = %panic, "A delivery failed");
            }
            sender.tell_claims();
        });
    }

    /// Hands an attempt to the recorder.
    fn end(&self, letter: &ClaimedLetter, attempt: DeliveryAttempt, claimed: Instant) {
        count(&attempt);
        log(letter, &attempt);
        self.note_outage(attempt.outcome);
        let ended = EndedAttempt::new(letter, attempt);
        if !ended.delay.is_zero() {
            self.0.are_retries_due.store(true, Ordering::Release);
        }
        self.0.recorder.add(UnrecordedAttempt { ended, claimed });
    }

    /// Has the recorder record, and claims follow: a slot is free.
    fn tell_recorder(&self) {
        if let Some(recording) = self.0.recording.get() {
            recording.nudge();
        }
        self.tell_claims();
    }

    /// Has claims follow where letters wait for a slot.
    fn tell_claims(&self) {
        if self.0.are_more_due.load(Ordering::Acquire) {
            self.nudge();
        }
    }

    /// Gives letters the tokens that they carry. Those whose token has gone are left out. While the database does not
    /// answer, letters that need one wait for the end of their lease.
    async fn attach_tokens(&self, letters: Vec<ClaimedLetter>) -> Vec<ClaimedLetter> {
        let (carrying, mut ready): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|letter| kinds::carries_token(&letter.template));
        if carrying.is_empty() {
            return ready;
        }
        let attach = async |connection: &_| letter_tokens::attach(connection, carrying).await;
        match self.0.connection.run(attach).await {
            Ok(attached) => ready.extend(attached),
            Err(error) => tracing::warn!(%error, "The tokens of letters cannot be read"),
        }
        ready
    }

    async fn record(&self) {
        let are_more_coming = || self.0.slots.available_permits() < self.0.capacity;
        self.0.recorder.run(are_more_coming).await;
        // There are places in the recorder again.
        self.tell_claims();
        if self.0.are_retries_due.load(Ordering::Acquire) {
            // Only now the queue tells when they are due.
            self.nudge();
        }
    }

    /// Begins, prolongs or ends an outage.
    fn note_outage(&self, outcome: DeliveryOutcome) {
        if outcome != DeliveryOutcome::Unreachable {
            self.outage().end();
            return;
        }
        let Some(pause) = self.outage().prolong() else { return };
        tracing::warn!(delay_ms = pause.as_millis(), "No mail server can be reached");
        let sender = self.clone();
        actix_web::rt::spawn(async move {
            sleep(pause).await;
            sender.nudge();
        });
    }

    /// Where letters wait for another attempt, sets the timer to the first of them. The polls come often enough for
    /// those that are due later.
    async fn await_retries(&self) {
        if !self.0.are_retries_due.load(Ordering::Acquire) {
            return;
        }
        match self.0.connection.run(async |connection| letter_queue::next_due(connection).await).await {
            Ok(None) => self.0.are_retries_due.store(false, Ordering::Release),
            Ok(Some(due)) if due < self.0.poll => self.nudge_in(due),
            Ok(Some(_)) => {}
            // The next poll asks again.
            Err(error) => tracing::warn!(%error, "The queue of letters cannot be read"),
        }
    }

    /// Claims follow after this time, in place of the time that was set before.
    fn nudge_in(&self, delay: Duration) {
        let sender = self.clone();
        // The server counts in microseconds, and a timer in milliseconds.
        let nudging = actix_web::rt::spawn(async move {
            sleep(delay + Duration::from_millis(1)).await;
            sender.nudge();
        });
        if let Some(before) = self.timer().replace(nudging) {
            before.abort();
        }
    }

    fn outage(&self) -> MutexGuard<'_, MailOutage> {
        // A poisoned lock is safe to use: its holders only set its members.
        self.0.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timer(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        // As above.
        self.0.timer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(attempt: &DeliveryAttempt) {
    metrics::counter!("mail_attempts_total", "outcome" => attempt.outcome.as_str()).increment(1);
}

fn log(letter: &ClaimedLetter, attempt: &DeliveryAttempt) {
    let (outcome, code) = (attempt.outcome.as_str(), attempt.smtp_code);
    // The server's words may hold an address, so only the letter's attempts keep them.
    if attempt.outcome == DeliveryOutcome::Sent {
        // The rule, hundreds of times a second: the list of letters tells it too.
        tracing::debug!(letter.id = %letter.id, letter.template, letter.attempt = letter.attempts, "A letter was sent");
    } else {
        tracing::warn!(
            letter.id = %letter.id, letter.template, letter.attempt = letter.attempts, mail.outcome = outcome,
            smtp.code = code, "A letter was not sent"
        );
    }
}
