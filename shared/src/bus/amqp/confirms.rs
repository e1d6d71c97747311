//! What the broker confirms, and the publishes that wait for it, by their delivery tags.

use actix::Message;
use std::collections::BTreeMap;

/// The broker has decided about messages that the publisher sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(super) struct PublisherConfirm {
    /// The link whose channel it came on; tags of another one mean nothing.
    pub(super) generation: u64,
    pub(super) tag: u64,
    /// Also about all earlier ones.
    pub(super) multiple: bool,
    pub(super) kind: ConfirmKind,
}

/// What the broker has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfirmKind {
    /// It is safe, or nobody wanted it.
    Confirmed,
    /// It was not taken.
    Refused,
    /// It was mandatory and no queue was there; a confirm follows nevertheless.
    Returned,
}

/// The publishes of one channel that have no confirm yet. The broker numbers what it gets on a
/// channel from 1 without telling, so whoever owns the channel counts in the same order.
#[derive(Debug)]
pub(super) struct Confirms<T> {
    last: u64,
    pending: BTreeMap<u64, PendingPublish<T>>,
}

#[derive(Debug)]
struct PendingPublish<T> {
    returned: bool,
    value: T,
}

impl<T> Default for Confirms<T> {
    fn default() -> Self {
        Self { last: 0, pending: BTreeMap::new() }
    }
}

impl<T> Confirms<T> {
    /// The tag that the next publish will have.
    pub(super) fn next_tag(&self) -> u64 {
        self.last + 1
    }

    /// Notes a publish that was sent.
    pub(super) fn sent(&mut self, value: T) {
        self.last += 1;
        self.pending.insert(self.last, PendingPublish { returned: false, value });
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes those that a confirm decides, in order, each with whether it is safe.
    pub(super) fn decide(&mut self, confirm: PublisherConfirm) -> Vec<(T, bool)> {
        if confirm.kind == ConfirmKind::Returned {
            if let Some(entry) = self.pending.get_mut(&confirm.tag) {
                entry.returned = true;
            }
            return Vec::new();
        }
        let confirmed = confirm.kind == ConfirmKind::Confirmed;
        let decided = match (confirm.multiple, confirm.tag) {
            // Tag 0 with `multiple` means all.
            (true, 0) => std::mem::take(&mut self.pending),
            (true, tag) => {
                let later = self.pending.split_off(&(tag.saturating_add(1)));
                std::mem::replace(&mut self.pending, later)
            }
            (false, tag) => self.pending.remove(&tag).map(|entry| (tag, entry)).into_iter().collect(),
        };
        decided.into_values().map(|entry| (entry.value, confirmed && !entry.returned)).collect()
    }

    /// Takes all: there will be no confirm.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.pending).into_values().map(|entry| entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirm(tag: u64, multiple: bool, kind: ConfirmKind) -> PublisherConfirm {
        PublisherConfirm { generation: 1, tag, multiple, kind }
    }

    #[test]
    fn tags_are_counted_from_one_and_multiple_decides_all_before() {
        let mut confirms = Confirms::default();
        for value in 'a'..='f' {
            confirms.sent(value);
        }
        assert_eq!(confirms.next_tag(), 7);
        assert_eq!(confirms.decide(confirm(2, false, ConfirmKind::Confirmed)), [('b', true)]);
        assert_eq!(confirms.decide(confirm(3, true, ConfirmKind::Confirmed)), [('a', true), ('c', true)]);
        assert_eq!(confirms.decide(confirm(3, true, ConfirmKind::Confirmed)), [], "once only");
        assert_eq!(confirms.decide(confirm(4, false, ConfirmKind::Refused)), [('d', false)]);
        assert_eq!(confirms.decide(confirm(0, true, ConfirmKind::Confirmed)), [('e', true), ('f', true)]);
        assert!(confirms.is_empty());
    }

    #[test]
    fn a_returned_message_is_not_safe_although_it_is_acknowledged() {
        let mut confirms = Confirms::default();
        confirms.sent("returned");
        confirms.sent("taken");
        assert_eq!(confirms.decide(confirm(1, false, ConfirmKind::Returned)), []);
        let decided = confirms.decide(confirm(2, true, ConfirmKind::Confirmed));
        assert_eq!(decided, [("returned", false), ("taken", true)]);
    }

    #[test]
    fn what_is_given_up_is_gone_and_its_tags_are_not_used_again() {
        let mut confirms = Confirms::default();
        confirms.sent(1);
        confirms.sent(2);
        assert_eq!(confirms.give_up().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(confirms.len(), 0);
        assert_eq!(confirms.next_tag(), 3);
    }
}
