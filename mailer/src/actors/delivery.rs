//! One attempt to deliver one letter: render, send, record.

use super::renderer::{RendererError, RendererHandle};
use crate::{
    domain::{DeliveryAttempt, DeliveryOutcome, backoff},
    store::letters::{self, ClaimedLetter},
    transport::MailTransport,
};
use shared::db::{DbError, Pool};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Delays after a letter was deferred: the first, and the longest.
const DEFERRED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));

/// Delays of a letter that found no server: the first, and the longest.
const UNREACHABLE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How much longer than sending a lease lasts: it also covers rendering and recording.
const LEASE_MARGIN: Duration = Duration::from_secs(90);

/// Delivers letters.
#[derive(Clone)]
pub(crate) struct LetterDelivery {
    pub(crate) pool: Pool,
    pub(crate) renderer: RendererHandle,
    pub(crate) transport: Arc<MailTransport>,
    /// The longest that sending a letter may take.
    pub(crate) send_timeout: Duration,
}

impl LetterDelivery {
    /// How long a claim lasts.
    pub(super) fn lease(&self) -> Duration {
        self.send_timeout + LEASE_MARGIN
    }

    /// Claims letters that are due.
    pub(super) async fn claim(&self, limit: usize) -> Result<Vec<ClaimedLetter>, DbError> {
        let mut connection = self.pool.get().await?;
        Ok(letters::claim(&mut connection, limit, self.lease()).await?)
    }

    /// Makes an attempt to deliver a letter, and records it; returns its outcome.
    pub(super) async fn deliver(&self, letter: ClaimedLetter) -> DeliveryOutcome {
        let claimed = Instant::now();
        let letter = Arc::new(letter);
        let attempt = self.attempt(&letter).await;
        metrics(&attempt);
        log(&letter, &attempt);
        self.record(&letter, &attempt, claimed).await;
        attempt.outcome
    }

    async fn attempt(&self, letter: &Arc<ClaimedLetter>) -> DeliveryAttempt {
        let mail = match self.renderer.render(Arc::clone(letter)).await {
            Ok(mail) => mail,
            Err(RendererError::Letter(reason)) => {
                return DeliveryAttempt::new(DeliveryOutcome::Refused, None, &reason);
            }
            Err(error @ RendererError::Unanswered(_)) => {
                return DeliveryAttempt::new(DeliveryOutcome::Deferred, None, &error.to_string());
            }
        };
        let name = file_name(letter);
        let sending = self.transport.send(mail, &name);
        match tokio::time::timeout(self.send_timeout, sending).await {
            Ok(attempt) => attempt,
            // The server may have taken it. At-least-once delivery means that it is sent again.
            Err(_) => {
                let reason = format!("no answer within {} ms", self.send_timeout.as_millis());
                DeliveryAttempt::new(DeliveryOutcome::Deferred, None, &reason)
            }
        }
    }

    /// Records the attempt. While the database is down it tries again, as long as the claim lasts: a letter
    /// whose attempt is not recorded is sent a second time.
    async fn record(&self, letter: &ClaimedLetter, attempt: &DeliveryAttempt, claimed: Instant) {
        let delay = next_delay(letter, attempt.outcome);
        loop {
            let recorded = async {
                let mut connection = self.pool.get().await?;
                Ok::<_, DbError>(letters::finish(&mut connection, letter, attempt, delay).await?)
            };
            match recorded.await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!(letter.id = %letter.id, "A letter was claimed by another instance meanwhile");
                    return;
                }
                Err(error) if claimed.elapsed() < self.lease() => {
                    tracing::warn!(letter.id = %letter.id, %error, "An attempt could not be recorded yet");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => {
                    tracing::error!(letter.id = %letter.id, %error, "An attempt could not be recorded");
                    return;
                }
            }
        }
    }
}

fn next_delay(letter: &ClaimedLetter, outcome: DeliveryOutcome) -> Duration {
    let failures = u32::try_from(letter.failures).unwrap_or(0).saturating_add(1);
    let jitter = rand::random_range(0.0..=1.0);
    match outcome {
        DeliveryOutcome::Sent | DeliveryOutcome::Refused => Duration::ZERO,
        DeliveryOutcome::Deferred => backoff(failures, DEFERRED.0, DEFERRED.1, jitter),
        DeliveryOutcome::Unreachable => backoff(failures, UNREACHABLE.0, UNREACHABLE.1, jitter),
    }
}

/// The name of the letter's file. It begins with the time at which the letter was queued, so a repeated attempt
/// writes the same file.
fn file_name(letter: &ClaimedLetter) -> String {
    let time = letter.queued_at.format("%Y%m%dT%H%M%S%.3fZ");
    let matter = letter.reference.clone().unwrap_or_else(|| letter.id.to_string());
    format!("{time}-{matter}-{}", letter.template)
}

fn metrics(attempt: &DeliveryAttempt) {
    metrics::counter!("mail_attempts_total", "outcome" => attempt.outcome.as_str()).increment(1);
}

fn log(letter: &ClaimedLetter, attempt: &DeliveryAttempt) {
    let (outcome, code) = (attempt.outcome.as_str(), attempt.smtp_code);
    // The server's words may hold an address, so only the letter's attempts keep them.
    if attempt.outcome == DeliveryOutcome::Sent {
        tracing::info!(letter.id = %letter.id, letter.template, letter.attempt = letter.attempts, "A letter was sent");
    } else {
        tracing::warn!(
            letter.id = %letter.id, letter.template, letter.attempt = letter.attempts, mail.outcome = outcome,
            smtp.code = code, "A letter was not sent"
        );
    }
}
