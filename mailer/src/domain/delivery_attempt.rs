//! How an attempt to deliver a letter ends.

use std::time::Duration;

/// Longest text of an attempt that is kept, characters.
const MESSAGE_LIMIT: usize = 500;

/// What an attempt means for its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    /// The server took it.
    Sent,
    /// The server does not take this letter for now (4xx), or went away while it was sent: it is tried again, for a day.
    Deferred,
    /// The server refuses this letter for good (5xx), or it cannot be written: it is not tried again.
    Refused,
    /// No mail server can be reached: every letter waits, and one at a time probes. It is tried again, for a day.
    Unreachable,
}

impl DeliveryOutcome {
    /// The name in the database and in the resource.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// One attempt, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryAttempt {
    /// What it means for the letter.
    pub(crate) outcome: DeliveryOutcome,
    /// The code of the server's answer, where there was one.
    pub(crate) smtp_code: Option<i16>,
    /// The server's words, or what went wrong; bounded.
    pub(crate) message: String,
}

impl DeliveryAttempt {
    /// An attempt with a bounded message, safe to store.
    pub(crate) fn new(outcome: DeliveryOutcome, smtp_code: Option<i16>, message: &str) -> Self {
        let message = super::single_line(message).chars().take(MESSAGE_LIMIT).collect();
        Self { outcome, smtp_code, message }
    }

    /// An attempt that was cut off after this time. The mail may have been taken all the same: at-least-once delivery
    /// means that it is sent again.
    pub(crate) fn unanswered(longest: Duration) -> Self {
        let reason = format!("whole mail: no answer within {} ms", longest.as_millis());
        Self::new(DeliveryOutcome::Deferred, None, &reason)
    }
}
