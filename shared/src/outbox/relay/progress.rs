//! What the relay knows of the outbox: which rows are in flight, which can be deleted, what is unread.

use crate::outbox::{
    lane::{LANES, Lane},
    pending::{LaneRead, TurnRequest},
};
use std::collections::{BTreeSet, HashSet};
use tokio::sync::oneshot;

/// Rows of a lane in flight or not yet deleted, at most. Confirmed persistent publishes reach their rate of
/// about 10,000 a second with this many.
pub(super) const WINDOW: usize = 512;

/// The relay's view of the outbox.
#[derive(Debug, Default)]
pub(super) struct RelayProgress {
    lanes: [LaneProgress; LANES],
    drains: Vec<DrainWaiter>,
}

/// The relay's view of a lane.
///
/// Invariant: a row is in at most one of `in_flight`, `confirmed`, `deleting` and `stuck`, and the first three
/// together hold at most [`WINDOW`].
#[derive(Debug, Default)]
struct LaneProgress {
    in_flight: BTreeSet<i64>,
    confirmed: Vec<i64>,
    deleting: Vec<i64>,
    /// Rows that cannot be published by this release.
    stuck: HashSet<i64>,
    /// There may be rows that were not read yet.
    unread: bool,
    /// Read even for a small part of the window.
    eager: bool,
}

#[derive(Debug)]
struct DrainWaiter {
    /// A read of all lanes has begun since this one came.
    covered: bool,
    done: oneshot::Sender<()>,
}

impl LaneProgress {
    fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.confirmed.is_empty() && self.deleting.is_empty()
    }

    /// How many rows to read now.
    fn wanted(&self) -> usize {
        let free = WINDOW.saturating_sub(self.in_flight.len() + self.confirmed.len() + self.deleting.len());
        let worth_it = self.eager || free >= WINDOW / 4 || self.in_flight.is_empty();
        if self.unread && worth_it { free } else { 0 }
    }

    fn begin_read(&mut self, limit: usize) -> LaneRead {
        if limit == 0 {
            return LaneRead::default();
        }
        (self.unread, self.eager) = (false, false);
        let known = self.in_flight.iter().chain(&self.confirmed).chain(&self.deleting).chain(&self.stuck);
        LaneRead { but: known.copied().collect(), limit }
    }
}

impl RelayProgress {
    /// There may be new rows.
    pub(super) fn look(&mut self, eager: bool) {
        for lane in &mut self.lanes {
            lane.unread = true;
            lane.eager |= eager;
        }
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
        self.lanes.iter().all(LaneProgress::is_idle)
    }

    /// Whether no publish is in flight.
    pub(super) fn is_landed(&self) -> bool {
        self.lanes.iter().all(|lane| lane.in_flight.is_empty())
    }

    /// What to ask of the outbox now, if anything; reads only where it `may_read`.
    pub(super) fn begin_turn(&mut self, may_read: bool) -> Option<TurnRequest> {
        if self.is_idle() && self.is_awaited() {
            self.look(false);
        }
        let limits = self.lanes.each_ref().map(|lane| if may_read { lane.wanted() } else { 0 });
        if limits == [0; LANES] && self.lanes.iter().all(|lane| lane.confirmed.is_empty()) {
            return None;
        }
        if limits.iter().all(|limit| *limit > 0) {
            self.cover();
        }
        let mut request = TurnRequest::default();
        for ((lane, read), limit) in self.lanes.iter_mut().zip(&mut request.lanes).zip(limits) {
            debug_assert!(lane.deleting.is_empty(), "one turn at a time");
            lane.deleting = std::mem::take(&mut lane.confirmed);
            request.deleting.extend(&lane.deleting);
            *read = lane.begin_read(limit);
        }
        Some(request)
    }

    /// Those who wait have their read now.
    pub(super) fn cover(&mut self) {
        self.drains.iter_mut().for_each(|waiting| waiting.covered = true);
    }

    /// The turn was committed, and has read these places with the limits that were asked for; before they are
    /// published. Gives whether the outbox was seen empty.
    pub(super) fn end_turn(&mut self, places: impl Iterator<Item = i64>, limits: [usize; LANES]) -> bool {
        let mut got = [0; LANES];
        places.for_each(|seq| got[Lane::of_place(seq) as usize] += 1);
        for ((lane, got), limit) in self.lanes.iter_mut().zip(got).zip(limits) {
            lane.deleting.clear();
            lane.unread |= limit > 0 && got == limit;
        }
        let empty = got == [0; LANES] && limits.iter().all(|limit| *limit > 0) && self.is_idle();
        if empty {
            self.empty();
        }
        empty && self.lanes.iter().all(|lane| lane.stuck.is_empty())
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
        let lane = self.lane(seq);
        lane.in_flight.insert(seq);
        debug_assert!(lane.in_flight.len() <= WINDOW, "the window bounds what is in flight");
    }

    /// A row cannot be published; it is left alone until another release runs.
    pub(super) fn stick(&mut self, seq: i64) {
        self.lane(seq).stuck.insert(seq);
    }

    /// A row need not be published: another one tells more.
    pub(super) fn skip(&mut self, seq: i64) {
        self.lane(seq).confirmed.push(seq);
    }

    /// A row's publish was confirmed.
    pub(super) fn confirm(&mut self, seq: i64) {
        let lane = self.lane(seq);
        if lane.in_flight.remove(&seq) {
            lane.confirmed.push(seq);
        }
    }

    /// A publish failed: all that is unconfirmed counts as unpublished. Gives how many that were.
    pub(super) fn give_back(&mut self) -> usize {
        // A read under way has left these rows out: that it finds nothing will mean nothing.
        self.drains.iter_mut().for_each(|waiting| waiting.covered = false);
        self.lanes.iter_mut().map(|lane| std::mem::take(&mut lane.in_flight).len()).sum()
    }

    /// The connection was lost: whether the delete happened is unknown, so it happens again.
    pub(super) fn lose_connection(&mut self) {
        for lane in &mut self.lanes {
            lane.confirmed.append(&mut lane.deleting);
        }
    }

    fn lane(&mut self, seq: i64) -> &mut LaneProgress {
        &mut self.lanes[Lane::of_place(seq) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both lanes may be read up to these numbers.
    fn limits(request: &TurnRequest) -> [usize; LANES] {
        request.lanes.each_ref().map(|lane| lane.limit)
    }

    /// A turn that reads these places, which are then published.
    fn turn(progress: &mut RelayProgress, places: &[i64]) -> TurnRequest {
        let request = progress.begin_turn(true).expect("there is something to ask");
        progress.end_turn(places.iter().copied(), limits(&request));
        places.iter().for_each(|seq| progress.publish(*seq));
        request
    }

    #[test]
    fn a_row_goes_from_flight_to_deletion_and_keeps_its_place_in_the_window() {
        let mut progress = RelayProgress::default();
        assert_eq!(progress.begin_turn(true), None, "nobody said there is anything");
        progress.look(false);
        assert_eq!(progress.begin_turn(false), None, "it may not read");
        let request = turn(&mut progress, &[1, 2, 3]);
        assert_eq!(limits(&request), [WINDOW, WINDOW]);
        assert!(request.deleting.is_empty() && request.lanes.iter().all(|lane| lane.but.is_empty()));
        assert_eq!(progress.begin_turn(true), None);
        progress.confirm(2);
        progress.look(false);
        let request = progress.begin_turn(true).expect("a deletion and a read");
        assert_eq!(request.deleting, [2]);
        assert_eq!(request.lanes[1], LaneRead { but: vec![1, 3, 2], limit: WINDOW - 3 });
        progress.lose_connection();
        let again = progress.begin_turn(false).expect("whether it was deleted is unknown");
        assert_eq!((again.deleting.as_slice(), limits(&again)), ([2].as_slice(), [0, 0]));
        progress.end_turn([].into_iter(), [0, 0]);
        assert_eq!(progress.give_back(), 2);
        assert!(progress.is_idle());
        progress.confirm(1);
        assert!(progress.is_idle(), "a late confirm of what was given back means nothing");
    }

    #[test]
    fn a_full_lane_does_not_keep_the_other_from_being_read() {
        let mut progress = RelayProgress::default();
        progress.look(true);
        let full: Vec<i64> = (1..=512).collect();
        turn(&mut progress, &full);
        progress.look(true);
        let request = turn(&mut progress, &[-7, -6]);
        assert_eq!(limits(&request), [WINDOW, 0]);
        progress.confirm(-7);
        progress.look(false);
        let request = turn(&mut progress, &[-5]);
        assert_eq!((request.deleting.as_slice(), limits(&request)), ([-7].as_slice(), [WINDOW - 2, 0]));
        assert_eq!(request.lanes[0].but, [-6, -7]);
    }

    #[test]
    fn a_drain_ends_with_an_empty_read_that_began_after_it() {
        let mut progress = RelayProgress::default();
        progress.look(false);
        let before = progress.begin_turn(true).expect("a read");
        let mut drained = progress.drain();
        progress.end_turn([].into_iter(), limits(&before));
        assert!(drained.try_recv().is_err(), "that read began before");
        turn(&mut progress, &[1]);
        progress.confirm(1);
        let deletion = progress.begin_turn(false).expect("a deletion");
        assert!(!progress.end_turn([].into_iter(), limits(&deletion)));
        assert!(drained.try_recv().is_err());
        let last = progress.begin_turn(true).expect("somebody waits to see it empty");
        assert!(progress.end_turn([].into_iter(), limits(&last)));
        assert_eq!(drained.try_recv(), Ok(()));
        assert_eq!(progress.begin_turn(true), None);
    }

    #[test]
    fn a_read_of_one_lane_ends_no_drain() {
        let mut progress = RelayProgress::default();
        progress.look(true);
        let full: Vec<i64> = (1..=512).collect();
        turn(&mut progress, &full);
        let mut drained = progress.drain();
        let request = progress.begin_turn(true).expect("a read of the other lane");
        full.iter().for_each(|seq| progress.confirm(*seq));
        assert!(!progress.end_turn([].into_iter(), limits(&request)));
        assert!(drained.try_recv().is_err(), "512 rows are in the outbox");
    }

    #[test]
    fn a_read_that_left_out_what_was_given_back_ends_no_drain() {
        let mut progress = RelayProgress::default();
        progress.publish(1);
        let mut drained = progress.drain();
        let request = progress.begin_turn(true).expect("a read");
        assert_eq!(request.lanes[1].but, [1]);
        progress.give_back();
        progress.end_turn([].into_iter(), limits(&request));
        assert!(drained.try_recv().is_err(), "row 1 is in the outbox");
        let request = turn(&mut progress, &[]);
        assert!(request.lanes[1].but.is_empty());
        assert_eq!(drained.try_recv(), Ok(()));
    }
}
