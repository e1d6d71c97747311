//! The arithmetic of a waiting room: how many of its tickets are admitted at which time.
//!
//! Tickets are numbered. The mark is the number up to which they are admitted, and it only grows: whoever drew a
//! ticket earlier is admitted earlier, and a holder who never comes back keeps nobody waiting.

use super::queue_ticket::QueueTicket;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// Parts of a ticket in which mark and rates are counted.
pub(crate) const PARTS: i64 = 1000;
/// How long a report of overload slows admission down.
const SLOWED: TimeDelta = TimeDelta::seconds(1);
/// How long no overload may be reported before a room closes.
const QUIET: TimeDelta = TimeDelta::seconds(5);
/// Under overload a rate is halved within about a second, down to this part of the full rate.
const SLOWEST: i64 = 16;
/// Seconds in which a rate grows from nothing to the full rate.
const RECOVERY: i64 = 10;
/// The longest time that one move makes up for: after an outage nobody floods in.
const LONGEST_MOVE: TimeDelta = TimeDelta::seconds(2);
/// A mark that was moved at a time still to come stands until then, unless that is farther ahead than this: then the
/// clock was set back.
const FARTHEST_AHEAD: TimeDelta = TimeDelta::minutes(1);
/// The longest time after which a waiting client is told to come back. It learns then whether the queue is faster.
const LONGEST_WAIT: i64 = 30;
const MICROS: i64 = 1_000_000;

/// How the rooms of an installation admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdmissionPolicy {
    /// Tickets admitted a second, while there is no overload.
    pub(crate) rate: u32,
    /// How long an admitted ticket is good for at least; it is twice that at most.
    pub(crate) stay: TimeDelta,
}

impl AdmissionPolicy {
    /// The full rate, parts of tickets a second.
    pub(crate) fn full_rate(&self) -> i64 {
        i64::from(self.rate) * PARTS
    }
}

/// The waiting room of a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitingRoom {
    pub(crate) created_at: DateTime<Utc>,
    /// The tickets issued so far.
    pub(crate) issued: i64,
    /// Up to where tickets are admitted, parts of tickets.
    pub(crate) mark: i64,
    /// How fast the mark moves, parts of tickets a second.
    pub(crate) rate: i64,
    /// When the mark was moved.
    pub(crate) moved_at: DateTime<Utc>,
    /// When booking reported overload for this flight.
    pub(crate) overloaded_at: DateTime<Utc>,
    /// When it did so for a request with an admitted ticket.
    pub(crate) slowed_at: Option<DateTime<Utc>>,
    /// Since when everybody may pass; a later overload opens the room again.
    pub(crate) closed_at: Option<DateTime<Utc>>,
    /// The number up to which admissions have ended.
    pub(crate) expired: i64,
    /// The number up to which tickets were admitted at `checkpoint_at`. It is the next `expired`.
    pub(crate) checkpoint: i64,
    pub(crate) checkpoint_at: DateTime<Utc>,
}

/// What a ticket is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TicketStanding {
    /// Its holder may pass.
    Admitted,
    /// Its holder is this many places away from admission, and may ask again after `wait`.
    Waiting { position: i64, wait: Duration },
    /// It is of an earlier room, or its admission has ended.
    Void,
}

impl WaitingRoom {
    /// The number of the last admitted ticket.
    pub(crate) fn admitted(&self) -> i64 {
        self.mark / PARTS
    }

    /// The number of those who wait.
    pub(crate) fn waiting(&self) -> i64 {
        self.issued - self.admitted()
    }

    /// What a ticket is worth in this room.
    pub(crate) fn standing(&self, ticket: &QueueTicket) -> TicketStanding {
        if ticket.room != self.created_at.timestamp_micros() || ticket.number <= self.expired {
            return TicketStanding::Void;
        }
        let left = ticket.number.saturating_mul(PARTS).saturating_sub(self.mark);
        if left <= 0 {
            return TicketStanding::Admitted;
        }
        let seconds = left.saturating_add(self.rate - 1) / self.rate.max(1);
        let wait = Duration::from_secs(seconds.clamp(1, LONGEST_WAIT).unsigned_abs());
        TicketStanding::Waiting { position: ticket.number - self.admitted(), wait }
    }

    /// The room at a later time: its mark is moved, and it is closed if everybody is admitted and no overload was
    /// reported for a while.
    pub(crate) fn advanced(&self, now: DateTime<Utc>, policy: &AdmissionPolicy) -> Self {
        let mut room = *self;
        let since = now - self.moved_at;
        let stands = since < TimeDelta::zero() && since > -FARTHEST_AHEAD;
        if self.closed_at.is_some() || stands {
            return room;
        }
        let elapsed = since.clamp(TimeDelta::zero(), LONGEST_MOVE).num_microseconds().unwrap_or_default();
        let (rate, full) = (self.rate, policy.full_rate());
        let is_slowed = self.slowed_at.is_some_and(|at| now - at < SLOWED);
        let next = if is_slowed {
            rate - rate * elapsed / (2 * MICROS)
        } else {
            rate + full * elapsed / (RECOVERY * MICROS)
        };
        room.moved_at = now;
        room.rate = next.clamp((full / SLOWEST).max(1), full.max(1));
        let moved = self.mark + room.rate.min(rate) * elapsed / MICROS;
        room.mark = moved.min(self.issued * PARTS).max(self.mark);
        if now - self.checkpoint_at >= policy.stay {
            (room.expired, room.checkpoint, room.checkpoint_at) = (self.checkpoint, room.admitted(), now);
        }
        if room.waiting() == 0 && now - self.overloaded_at >= QUIET {
            room.closed_at = Some(now);
        }
        debug_assert!(room.mark >= self.mark && room.mark <= room.issued * PARTS, "{self:?} {room:?}");
        room
    }
}

#[cfg(test)]
#[path = "waiting_room_tests.rs"]
mod tests;
