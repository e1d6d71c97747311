//! How an attempt at sending a letter ends.

/// Longest text of an attempt that is kept, characters.
const MESSAGE_LIMIT: usize = 500;

/// What an attempt means for its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it.
    Sent,
    /// The server does not want this letter now (4xx): again later, for a few days.
    Deferred,
    /// The server will never want this letter (5xx), or it cannot be written: not tried again.
    Refused,
    /// There is no server to speak of: every letter waits, and none is given up for it.
    Unreachable,
}

impl Outcome {
    /// The name in the database and in the resource.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
pub struct Attempt {
    /// What it means for the letter.
    pub outcome: Outcome,
    /// The code of the server's answer, where there was one.
    pub smtp_code: Option<i16>,
    /// The server's words, or what went wrong; bounded.
    pub message: String,
}

impl Attempt {
    /// An attempt with a bounded message, safe to store.
    #[must_use]
    pub fn new(outcome: Outcome, smtp_code: Option<i16>, message: &str) -> Self {
        let message = super::clean(message).chars().take(MESSAGE_LIMIT).collect();
        Self { outcome, smtp_code, message }
    }
}
