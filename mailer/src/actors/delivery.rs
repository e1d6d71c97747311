//! One attempt each to deliver some letters: render and send them.

use super::renderer::{RendererHandle, Unrendered};
use crate::{
    domain::{DeliveryAttempt, DeliveryOutcome, backoff},
    store::letter_queue::{ClaimedLetter, EndedAttempt},
    transport::{MailTransport, OutgoingMail},
};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};

/// Delays after a letter was deferred: the first, and the longest.
const DEFERRED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));

/// Delays of a letter that found no server: the first, and the longest.
const UNREACHABLE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How much longer than sending a lease lasts: it also covers rendering and recording.
const LEASE_MARGIN: Duration = Duration::from_secs(90);

/// Delivers letters.
#[derive(Clone)]
pub(crate) struct LetterDelivery {
    pub(crate) renderer: RendererHandle,
    pub(crate) transport: Arc<MailTransport>,
    /// The longest that sending a letter may take.
    pub(crate) send_timeout: Duration,
}

impl LetterDelivery {
    /// How long a claim lasts: longer than a letter waits for those before it and is sent.
    pub(super) fn lease(&self) -> Duration {
        self.send_timeout * self.transport.turns() + LEASE_MARGIN
    }

    /// Makes an attempt to deliver each letter; tells of each one when it has ended.
    pub(super) async fn deliver(
        &self,
        letters: Vec<ClaimedLetter>,
        mut ended: impl FnMut(&ClaimedLetter, DeliveryAttempt),
    ) {
        let letters: Arc<[ClaimedLetter]> = letters.into();
        let rendered = match self.renderer.render(Arc::clone(&letters)).await {
            Ok(rendered) => rendered,
            Err(error) => {
                let reason = format!("the renderer does not answer: {error}");
                let deferred = || DeliveryAttempt::new(DeliveryOutcome::Deferred, None, &reason);
                return letters.iter().for_each(|letter| ended(letter, deferred()));
            }
        };
        let mut mails = Vec::with_capacity(letters.len());
        for (letter, mail) in letters.iter().zip(rendered) {
            match mail {
                Ok(mail) => mails.push((letter, OutgoingMail { name: file_name(letter), mail })),
                Err(Unrendered { outcome, reason }) => {
                    ended(letter, DeliveryAttempt::new(outcome, None, &reason))
                }
            }
        }
        let mut sending = self.transport.send(mails, self.send_timeout);
        while let Some((letter, attempt)) = sending.next().await {
            ended(letter, attempt);
        }
    }
}

impl EndedAttempt {
    /// How an attempt at a claimed letter ended, with the delay before the next one.
    pub(super) fn new(letter: &ClaimedLetter, attempt: DeliveryAttempt) -> Self {
        let failures = u32::try_from(letter.failures).unwrap_or(0).saturating_add(1);
        let jitter = rand::random_range(0.0..=1.0);
        let delay = match attempt.outcome {
            DeliveryOutcome::Sent | DeliveryOutcome::Refused => Duration::ZERO,
            DeliveryOutcome::Deferred => backoff(failures, DEFERRED.0, DEFERRED.1, jitter),
            DeliveryOutcome::Unreachable => backoff(failures, UNREACHABLE.0, UNREACHABLE.1, jitter),
        };
        let carries_token = letter.token.is_some();
        Self { letter: letter.id, number: letter.attempts, attempt, delay, carries_token }
    }
}

/// The name of the letter's file. It begins with the time at which the letter was queued, so a repeated attempt
/// writes the same file. Letters of one kind about one booking may be queued in one instant, so it ends with the id.
fn file_name(letter: &ClaimedLetter) -> String {
    let time = letter.queued_at.format("%Y%m%dT%H%M%S%.3fZ");
    match &letter.reference {
        Some(reference) => format!("{time}-{reference}-{}-{}", letter.template, letter.id),
        None => format!("{time}-{}-{}", letter.template, letter.id),
    }
}
