//! Lanes of the outbox. The relay has a window of unconfirmed events for each, so the events of one do not wait for
//! the consumers of the other. The lane of an event shows in its place, so that the relay finds the lowest places of a
//! lane by the primary key, however many events wait in the other.

use crate::events::EventType;

/// How many lanes there are.
pub(super) const LANES: usize = 2;

/// A lane. All events of an aggregate are in the same one, where they keep their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Events that act at once, whose consumers never wait for anything: seats of flights, which search, live seat maps
    /// and other instances follow within milliseconds, and revocations of access. Places below zero.
    Prompt = 0,
    /// All other events, such as those that letters are written about. Places above zero, which older releases gave to
    /// every event.
    General = 1,
}

impl Lane {
    /// The lane of an event.
    pub(super) fn of(kind: EventType) -> Self {
        match kind {
            EventType::SeatsChanged | EventType::UserAccessChanged | EventType::SessionEnded => Self::Prompt,
            _ => Self::General,
        }
    }

    /// The lane of a place.
    pub(super) fn of_place(seq: i64) -> Self {
        if seq < 0 { Self::Prompt } else { Self::General }
    }

    /// What is added to the number that the sequence gives.
    pub(super) fn offset(self) -> i64 {
        match self {
            Self::Prompt => -(1 << 62),
            Self::General => 0,
        }
    }
}
