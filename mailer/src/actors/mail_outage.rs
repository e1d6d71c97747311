//! Whether a mail server can be reached.

use crate::domain::backoff;
use std::time::Duration;
use tokio::time::Instant;

/// The pause between probes for a mail server: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Whether a mail server can be reached, as far as the last attempts tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MailOutage {
    /// Probes in a row that reached no mail server. The letters that were under way when the outage began are the first.
    failures: u32,
    /// The next probe, during an outage.
    probe_at: Option<Instant>,
}

impl MailOutage {
    /// The last attempt reached a mail server, or there was none yet.
    pub(super) fn is_over(self) -> bool {
        self.failures == 0
    }

    /// The next probe is not due yet.
    pub(super) fn is_paused(self) -> bool {
        self.probe_at.is_some_and(|at| at > Instant::now())
    }

    /// An attempt has reached a mail server.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// An attempt has reached no mail server. Gives the pause before the next probe, unless it has begun already: other
    /// letters were under way at the same time.
    pub(super) fn prolong(&mut self) -> Option<Duration> {
        if self.is_paused() {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        let pause = backoff(self.failures, PAUSES.0, PAUSES.1, rand::random_range(0.0..=1.0));
        self.probe_at = Some(Instant::now() + pause);
        Some(pause)
    }

    /// The next probe is due at once.
    pub(super) fn probe_now(&mut self) {
        self.probe_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_fail_together_are_one_failure() {
        let mut outage = MailOutage::default();
        let first = outage.prolong().unwrap();
        assert!(first <= PAUSES.0 && outage.is_paused() && !outage.is_over(), "{first:?}");
        assert_eq!(outage.prolong(), None, "the probe is still to come");
        outage.probe_now();
        assert!(!outage.is_paused());
        assert!(outage.prolong().unwrap() > first / 2);
        outage.end();
        assert!(outage.is_over() && !outage.is_paused());
    }
}
