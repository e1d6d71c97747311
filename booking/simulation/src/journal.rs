//! What happened: the last lines for the report of a failure, or all of them to compare runs.

use std::collections::VecDeque;

/// Lines that are kept.
const LINES: usize = 60;

/// Lines, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    lines: VecDeque<(u64, String)>,
    keeps_all: bool,
}

impl Journal {
    /// One that keeps all lines, or the last ones.
    pub(crate) fn new(keeps_all: bool) -> Self {
        Self { lines: VecDeque::new(), keeps_all }
    }

    pub(crate) fn note(&mut self, at: u64, what: impl FnOnce() -> String) {
        if self.lines.len() == LINES && !self.keeps_all {
            self.lines.pop_front();
        }
        self.lines.push_back((at, what()));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let line =
            |(at, what): &(u64, String)| format!("{:>9}.{:06} s  {what}", at / 1_000_000, at % 1_000_000);
        self.lines.iter().map(line).collect()
    }
}
