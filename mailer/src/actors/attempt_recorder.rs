//! Records how attempts ended, many by one statement.
//!
//! **Invariant.** An attempt stays here until it is recorded, or until the lease of its letter has ended. A letter whose
//! attempt is not recorded is sent a second time.

use crate::store::{
    batch_connection::BatchConnection,
    letter_queue::{self, EndedAttempt},
};
use shared::db::DbError;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout_at},
};
use uuid::Uuid;

/// Attempts that one statement records, at most.
const BATCH: usize = 512;

/// How long an attempt waits for others to be recorded with it.
const GATHER: Duration = Duration::from_millis(20);

/// The pause after the database could not record.
const PAUSE: Duration = Duration::from_millis(500);

/// An attempt that is to be recorded.
pub(super) struct UnrecordedAttempt {
    pub(super) ended: EndedAttempt,
    /// When its letter was claimed.
    pub(super) claimed: Instant,
}

/// See the module.
pub(super) struct AttemptRecorder {
    connection: BatchConnection,
    /// How long a claim lasts.
    lease: Duration,
    /// How long letters are tried before they are given up.
    retry: Duration,
    waiting: Mutex<Vec<UnrecordedAttempt>>,
    /// How many attempts wait or are being recorded.
    count: watch::Sender<usize>,
    added: Notify,
}

/// Attempts that are being recorded. They are not counted any more when this is dropped.
struct AttemptBatch<'a> {
    recorder: &'a AttemptRecorder,
    attempts: Vec<UnrecordedAttempt>,
}

impl AttemptRecorder {
    pub(super) fn new(connection: BatchConnection, lease: Duration, retry: Duration) -> Self {
        let (waiting, count, added) = (Mutex::default(), watch::Sender::new(0), Notify::new());
        Self { connection, lease, retry, waiting, count, added }
    }

    /// Adds an attempt, for the run under way or the next one.
    pub(super) fn add(&self, attempt: UnrecordedAttempt) {
        self.count.send_modify(|count| *count += 1);
        self.waiting().push(attempt);
        self.added.notify_one();
    }

    /// How many attempts are to be recorded.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Ready when no attempt is to be recorded.
    pub(super) async fn recorded(&self) {
        // An error would mean that the recorder is gone.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Records all attempts. Those that come meanwhile belong to the run. `are_more_coming` tells whether letters are
    /// being delivered: only then is it worth a wait.
    pub(super) async fn run(&self, are_more_coming: impl Fn() -> bool) {
        loop {
            self.gather(&are_more_coming).await;
            let attempts: Vec<_> = {
                let mut waiting = self.waiting();
                let count = waiting.len().min(BATCH);
                waiting.drain(..count).collect()
            };
            if attempts.is_empty() {
                return;
            }
            AttemptBatch { recorder: self, attempts }.record().await;
        }
    }

    /// Waits for further attempts.
    async fn gather(&self, are_more_coming: impl Fn() -> bool) {
        let end = Instant::now() + GATHER;
        loop {
            let waiting = self.waiting().len();
            if waiting == 0 || waiting >= BATCH || !are_more_coming() {
                return;
            }
            if timeout_at(end, self.added.notified()).await.is_err() {
                return;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<UnrecordedAttempt>> {
        // A poisoned lock is safe to use: its holders only add and take attempts.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttemptBatch<'_> {
    /// Records the attempts. While the database is down it tries again, as long as their leases last.
    async fn record(mut self) {
        loop {
            self.drop_late();
            match self.try_record().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(letters = self.attempts.len(), %error, "Attempts could not be recorded yet");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_record(&mut self) -> Result<(), DbError> {
        let all: Vec<EndedAttempt> = self.attempts.iter().map(|attempt| attempt.ended.clone()).collect();
        match self.record_some(&all).await {
            // One attempt may be at fault: the others must not fail with it.
            Err(error) if !error.is_outage() && all.len() > 1 => {
                let mut failed = None;
                for one in &all {
                    failed = self.record_some(std::slice::from_ref(one)).await.err().or(failed);
                }
                failed.map_or(Ok(()), Err)
            }
            recorded => recorded,
        }
    }

    async fn record_some(&mut self, some: &[EndedAttempt]) -> Result<(), DbError> {
        let retry = self.recorder.retry;
        let record = async |connection: &_| letter_queue::record(connection, some, retry).await;
        let held = self.recorder.connection.run(record).await?;
        for lost in some.iter().filter(|one| !held.contains(&one.letter)) {
            tracing::warn!(letter.id = %lost.letter, "A letter was claimed by another instance meanwhile");
        }
        let recorded: HashSet<Uuid> = some.iter().map(|one| one.letter).collect();
        self.forget(|attempt| recorded.contains(&attempt.ended.letter));
        Ok(())
    }

    /// Gives up the attempts whose lease has ended.
    fn drop_late(&mut self) {
        let lease = self.recorder.lease;
        self.forget(|attempt| {
            let is_late = attempt.claimed.elapsed() > lease;
            if is_late {
                tracing::error!(letter.id = %attempt.ended.letter, "An attempt could not be recorded");
            }
            is_late
        });
    }

    fn forget(&mut self, is_done: impl Fn(&UnrecordedAttempt) -> bool) {
        let before = self.attempts.len();
        self.attempts.retain(|attempt| !is_done(attempt));
        let forgotten = before - self.attempts.len();
        self.recorder.count.send_modify(|count| *count -= forgotten);
    }
}

impl Drop for AttemptBatch<'_> {
    fn drop(&mut self) {
        // After a panic: the letters are due again after their leases.
        self.forget(|_| true);
    }
}
