//! How often a relay looks at the outbox.

use std::time::Duration;

/// How often the active relay looks at the outbox without a nudge: the safety net under nudges and notifications.
#[derive(Debug, Clone, Copy)]
pub struct RelayIntervals {
    /// While it hears of what other instances commit.
    pub listening: Duration,
    /// While it does not: the database has no notifications, or their connection is lost.
    pub deaf: Duration,
}

impl Default for RelayIntervals {
    fn default() -> Self {
        Self { listening: Duration::from_secs(2), deaf: Duration::from_millis(250) }
    }
}
