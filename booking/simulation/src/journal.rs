//! What happened last, for the report of a failure.

use std::collections::VecDeque;

/// Lines that are kept.
const LINES: usize = 60;

/// The last lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<(u64, String)>);

impl Journal {
    pub(super) fn note(&mut self, at: u64, what: impl FnOnce() -> String) {
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        self.0.push_back((at, what()));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let line =
            |(at, what): &(u64, String)| format!("{:>9}.{:06} s  {what}", at / 1_000_000, at % 1_000_000);
        self.0.iter().map(line).collect()
    }
}
