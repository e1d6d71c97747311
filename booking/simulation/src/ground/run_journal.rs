//! The journal of a run: what happened, how often, and the first promise that was broken.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
};

/// Lines that the journal keeps for the report of a failure, unless it keeps all of them.
const KEPT_LINES: usize = 60;

/// The journal of a run.
#[derive(Debug, Default)]
pub(crate) struct RunJournal {
    /// Microseconds since the run began, and what happened then; oldest first.
    lines: RefCell<VecDeque<(u64, String)>>,
    keeps_all: bool,
    counts: RefCell<BTreeMap<&'static str, u64>>,
    violation: RefCell<Option<String>>,
}

impl RunJournal {
    /// A journal that keeps all lines, or the last ones.
    pub(crate) fn new(keeps_all: bool) -> Self {
        Self { keeps_all, ..Self::default() }
    }

    /// Notes what happens now, microseconds after the run began.
    pub(crate) fn note(&self, now: u64, what: impl FnOnce() -> String) {
        let what = what();
        let mut lines = self.lines.borrow_mut();
        if lines.len() == KEPT_LINES && !self.keeps_all {
            lines.pop_front();
        }
        lines.push_back((now, what));
    }

    /// Counts one more of what happened.
    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }

    /// Reports a broken promise. The first one stays.
    pub(crate) fn report_violation(&self, what: String) {
        self.violation.borrow_mut().get_or_insert(what);
    }

    /// Takes the first promise that was broken since the last look.
    pub(crate) fn take_violation(&self) -> Option<String> {
        self.violation.borrow_mut().take()
    }

    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line =
            |(at, what): &(u64, String)| format!("{:>9}.{:06} s  {what}", at / 1_000_000, at % 1_000_000);
        self.lines.borrow().iter().map(line).collect()
    }

    /// How often what happened.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.borrow().clone()
    }
}
