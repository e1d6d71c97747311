//! When a batch waits for company.
//!
//! A transaction has a price of its own, whatever the number of its commands: statements, a commit, wake-ups. When a few
//! clients book at the same time, their commands would come to the ledger one by one, each in a transaction that keeps the
//! others waiting. So a ledger that had company lately waits a moment for it. A single client never waits: its batches
//! have one command. Nor does a crowd: its batches are large without waiting.

use std::time::Duration;

/// The longest wait for company: the resolution of the timers. A transaction takes longer.
pub const GATHER: Duration = Duration::from_millis(1);

/// From this number of commands on, the price of the transaction hardly counts.
const ENOUGH: usize = 16;

/// The company that batches had lately.
#[derive(Debug, Default)]
pub struct Gathering {
    /// The number of commands that is expected together.
    expected: usize,
}

impl Gathering {
    /// Whether a batch with this number of commands, at least one, waits for others.
    pub fn waits(&self, commands: usize) -> bool {
        commands < self.expected.min(ENOUGH)
    }

    /// A batch has begun. More commands than expected are expected again; if there were fewer, the next batch expects
    /// the mean.
    pub fn began(&mut self, commands: usize) {
        self.expected = match commands >= self.expected {
            true => commands,
            false => usize::midpoint(self.expected, commands),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_client_and_a_crowd_never_wait() {
        let mut gathering = Gathering::default();
        for _ in 0..3 {
            assert!(!gathering.waits(1));
            gathering.began(1);
        }
        gathering.began(200);
        assert!(!gathering.waits(ENOUGH) && gathering.waits(ENOUGH - 1));
    }

    #[test]
    fn some_clients_wait_for_each_other_until_they_have_gone() {
        let mut gathering = Gathering::default();
        gathering.began(8);
        assert!(gathering.waits(7) && !gathering.waits(8));
        for expected in [4, 2, 1] {
            gathering.began(1);
            assert!(!gathering.waits(expected), "{gathering:?}");
        }
        assert!(!gathering.waits(1), "the others have gone");
    }
}
