//! What the relay knows of the outbox: which rows are in flight, which can be deleted, what is unread.

use std::collections::{BTreeSet, HashSet};
use tokio::sync::oneshot;

/// Rows in flight or not yet deleted, at most. Confirmed persistent publishes reach their rate of
/// about 10,000 a second with this many.
pub(super) const WINDOW: usize = 512;

/// The relay's view of the outbox.
///
/// Invariant: a row is in at most one of `in_flight`, `confirmed`, `deleting` and `stuck`, and the first three
/// together hold at most [`WINDOW`].
#[derive(Debug, Default)]
pub(super) struct RelayProgress {
    in_flight: BTreeSet<i64>,
    confirmed: Vec<i64>,
    deleting: Vec<i64>,
    /// Rows that cannot be published by this release.
    stuck: HashSet<i64>,
    /// There may be rows that were not read yet.
    unread: bool,
    /// Read even for a small part of the window.
    eager: bool,
    /// The last query was a read: let a delete come between.
    just_read: bool,
    drains: Vec<DrainWaiter>,
}

#[derive(Debug)]
struct DrainWaiter {
    /// A read has begun since this one came.
    covered: bool,
    done: oneshot::Sender<()>,
}

impl RelayProgress {
    /// There may be new rows.
    pub(super) fn look(&mut self, eager: bool) {
        self.unread = true;
        self.eager |= eager;
    }

    /// Wants to know when the outbox is empty.
    pub(super) fn drain(&mut self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.drains.push(DrainWaiter { covered: false, done });
        self.look(true);
        receiver
    }

    /// Whether somebody waits for the outbox to be empty.
    pub(super) fn is_awaited(&self) -> bool {
        !self.drains.is_empty()
    }

    /// Whether nothing is in flight or waits to be deleted.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.confirmed.is_empty() && self.deleting.is_empty()
    }

    /// Whether no publish is in flight.
    pub(super) fn is_landed(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// How many rows to read now, if any.
    pub(super) fn wanted(&mut self) -> Option<usize> {
        if self.is_idle() && self.is_awaited() {
            self.unread = true;
        }
        let free = WINDOW.saturating_sub(self.in_flight.len() + self.confirmed.len() + self.deleting.len());
        let worth_it = self.eager || free >= WINDOW / 4 || self.in_flight.is_empty();
        let turn = !self.just_read || self.confirmed.is_empty();
        (self.unread && free > 0 && worth_it && turn).then_some(free)
    }

    /// A read begins; gives the rows that it shall leave out.
    pub(super) fn begin_read(&mut self) -> Vec<i64> {
        (self.unread, self.eager, self.just_read) = (false, false, true);
        self.cover();
        let known = self.in_flight.iter().chain(&self.confirmed).chain(&self.deleting).chain(&self.stuck);
        known.copied().collect()
    }

    /// Those who wait have their read now.
    pub(super) fn cover(&mut self) {
        self.drains.iter_mut().for_each(|waiting| waiting.covered = true);
    }

    /// The read has ended with this many rows of those that were asked for.
    pub(super) fn end_read(&mut self, got: usize, asked: usize) {
        self.unread |= got == asked;
        if got == 0 && self.is_idle() {
            self.empty();
        }
    }

    /// The outbox was seen empty by the last read.
    pub(super) fn empty(&mut self) {
        for waiting in self.drains.extract_if(.., |waiting| waiting.covered) {
            // Whoever no longer waits need not know.
            let _ = waiting.done.send(());
        }
    }

    /// A row is being published.
    pub(super) fn publish(&mut self, seq: i64) {
        self.in_flight.insert(seq);
        debug_assert!(self.in_flight.len() <= WINDOW, "the window bounds what is in flight");
    }

    /// A row cannot be published; it is left alone until another release runs.
    pub(super) fn stick(&mut self, seq: i64) {
        self.stuck.insert(seq);
    }

    /// A row's publish was confirmed.
    pub(super) fn confirm(&mut self, seq: i64) {
        if self.in_flight.remove(&seq) {
            self.confirmed.push(seq);
        }
    }

    /// A publish failed: all that is unconfirmed counts as unpublished. Gives how many that were.
    pub(super) fn give_back(&mut self) -> usize {
        // A read under way has left these rows out: that it finds nothing will mean nothing.
        self.drains.iter_mut().for_each(|waiting| waiting.covered = false);
        std::mem::take(&mut self.in_flight).len()
    }

    /// Takes what can be deleted; `None` when there is nothing.
    pub(super) fn begin_delete(&mut self) -> Option<Vec<i64>> {
        if self.confirmed.is_empty() {
            return None;
        }
        self.just_read = false;
        self.deleting = std::mem::take(&mut self.confirmed);
        Some(self.deleting.clone())
    }

    /// The delete was committed.
    pub(super) fn end_delete(&mut self) {
        self.deleting.clear();
    }

    /// The connection was lost: whether the delete happened is unknown, so it happens again.
    pub(super) fn lose_connection(&mut self) {
        self.confirmed.append(&mut self.deleting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_goes_from_flight_to_deletion_and_keeps_its_place_in_the_window() {
        let mut progress = RelayProgress::default();
        assert_eq!(progress.wanted(), None, "nobody said there is anything");
        progress.look(false);
        assert_eq!(progress.wanted(), Some(WINDOW));
        assert!(progress.begin_read().is_empty());
        (1..=3).for_each(|seq| progress.publish(seq));
        progress.end_read(3, WINDOW);
        assert_eq!(progress.wanted(), None);
        progress.confirm(2);
        progress.look(false);
        assert_eq!(progress.wanted(), None, "the delete has its turn first");
        assert_eq!(progress.begin_delete(), Some(vec![2]));
        assert_eq!(progress.wanted(), Some(WINDOW - 3));
        assert_eq!(progress.begin_read(), [1, 3, 2]);
        progress.lose_connection();
        assert_eq!(progress.begin_delete(), Some(vec![2]), "whether it was deleted is unknown");
        progress.end_delete();
        assert_eq!(progress.give_back(), 2);
        assert!(progress.is_idle());
        progress.confirm(1);
        assert!(progress.is_idle(), "a late confirm of what was given back means nothing");
    }

    #[test]
    fn a_drain_ends_with_an_empty_read_that_began_after_it() {
        let mut progress = RelayProgress::default();
        progress.look(false);
        progress.begin_read();
        let mut drained = progress.drain();
        progress.end_read(0, WINDOW);
        assert!(drained.try_recv().is_err(), "that read began before");
        assert_eq!(progress.wanted(), Some(WINDOW));
        progress.begin_read();
        progress.publish(1);
        progress.end_read(1, WINDOW);
        progress.confirm(1);
        progress.begin_delete();
        progress.end_delete();
        assert!(drained.try_recv().is_err());
        assert_eq!(progress.wanted(), Some(WINDOW), "somebody waits to see it empty");
        progress.begin_read();
        progress.end_read(0, WINDOW);
        assert_eq!(drained.try_recv(), Ok(()));
        assert_eq!(progress.wanted(), None);
    }

    #[test]
    fn a_read_that_left_out_what_was_given_back_ends_no_drain() {
        let mut progress = RelayProgress::default();
        progress.publish(1);
        let mut drained = progress.drain();
        assert_eq!(progress.begin_read(), [1]);
        progress.give_back();
        progress.end_read(0, WINDOW);
        assert!(drained.try_recv().is_err(), "row 1 is in the outbox");
        assert!(progress.begin_read().is_empty());
        progress.end_read(0, WINDOW);
        assert_eq!(drained.try_recv(), Ok(()));
    }
}
