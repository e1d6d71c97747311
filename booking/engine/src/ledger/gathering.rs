//! When a batch waits for company.
//!
//! A transaction has a price of its own, whatever the number of its commands: statements, a commit, wake-ups. When a few
//! clients book at the same time, their commands would come to the ledger one by one, each in a transaction that keeps the
//! others waiting. So a ledger that had company lately waits a moment for it. A single client never waits: its batches
//! have one command. Nor does a crowd: its batches are large without waiting.

use std::time::Duration;

/// The longest wait for the next command: the resolution of the timers. A transaction takes longer.
pub const GATHER: Duration = Duration::from_millis(1);

/// The most of these waits for one batch.
const WAITS: usize = 3;

/// From this number of commands on, the price of the transaction hardly counts.
const ENOUGH: usize = 16;

/// The company that batches had lately, and the waits of the next one.
#[derive(Debug, Default)]
pub struct Gathering {
    /// The number of commands that is expected together.
    expected: usize,
    /// The number of commands in the last batch.
    last: usize,
    /// The number of commands when the last wait for this batch began.
    gathered: usize,
    /// The waits for this batch that have begun.
    waits: usize,
}

impl Gathering {
    /// Whether a batch with this number of commands, at least one, waits for others.
    pub fn waits(&self, commands: usize) -> bool {
        commands < self.expected.min(ENOUGH)
    }

    /// A batch with this number of commands begins to wait for the next one.
    pub fn wait(&mut self, commands: usize) {
        self.gathered = commands;
        self.waits += 1;
    }

    /// Whether a batch waits on at the end of a wait: others have come meanwhile, so more may.
    pub fn waits_on(&self, commands: usize) -> bool {
        commands > self.gathered && self.waits < WAITS && self.waits(commands)
    }

    /// A batch has begun. More commands than expected are expected again; if there were fewer, the next batch expects
    /// the mean, rounded up.
    pub fn began(&mut self, commands: usize) {
        let expected = match commands >= self.expected {
            true => commands,
            false => (self.expected + commands).div_ceil(2).min(self.expected - 1),
        };
        *self = Self { expected, last: commands, ..Self::default() };
    }

    /// The last batch has ended. `ready`: the number of commands that have come meanwhile. They might have come with it,
    /// had it waited.
    pub fn ended(&mut self, ready: usize) {
        self.expected = self.expected.max(self.last + ready);
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
        for expected in [8, 5, 3, 2] {
            assert!(gathering.waits(expected - 1) && !gathering.waits(expected), "{gathering:?}");
            gathering.began(1);
        }
        assert!(!gathering.waits(1), "the others have gone");
    }

    #[test]
    fn a_batch_waits_on_while_others_come() {
        let mut gathering = Gathering::default();
        gathering.began(8);
        for commands in [2, 4] {
            gathering.wait(commands);
            assert!(gathering.waits_on(commands + 1) && !gathering.waits_on(8), "not when all are there");
            assert!(!gathering.waits_on(commands), "nobody has come");
        }
        gathering.wait(5);
        assert!(!gathering.waits_on(6), "long enough");
        gathering.began(7);
        gathering.wait(1);
        assert!(gathering.waits_on(2), "another batch");
    }

    #[test]
    fn two_groups_that_take_turns_become_one() {
        let mut gathering = Gathering::default();
        gathering.began(5);
        gathering.ended(3);
        assert!(gathering.waits(7) && !gathering.waits(8));
        gathering.began(8);
        gathering.ended(0);
        assert!(gathering.waits(7) && !gathering.waits(8));
    }
}
