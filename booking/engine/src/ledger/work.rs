//! The state of a batch's transaction, which the handlers of commands share: the rows read, and the changes to write.

use crate::{
    booking::{
        locator::Locator,
        presentation::ShownBooking,
        record::{Booking, Flights},
        refusal::Refusal,
    },
    ledger::{
        command::{Command, Outcome},
        occupancy::BatchOccupancy,
        rows::LockedFlight,
        write_set_builder::{WriteSetBuilder, present},
    },
    store_error::StoreResult,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared_types::{
    events::EventType,
    ids::{BookingId, FlightId, UserId},
    trace::TraceContext,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A command of the batch with the trace of its request.
pub type Item<'a> = (&'a Command, Option<TraceContext>);

/// The verdict on a command within the transaction.
#[derive(Debug)]
pub enum Verdict {
    /// The command gets this answer after the commit.
    Answer(Outcome),
    /// These ended holds blocked the command: the next batch expires them, then tries the command again.
    RetryAfterExpiring(Vec<BookingId>),
}

/// The result of a transition: the booking as its event shows it; `None`: nothing has changed, so there is no event.
pub(crate) type Transition = Result<Option<ShownBooking>, Refusal>;

/// The rows that a batch has read, the verdicts so far, and the changes to write.
pub(crate) struct BatchWork<'a> {
    pub(crate) items: &'a [Item<'a>],
    /// The time by which a payment prolongs its hold.
    pub(crate) payment_grace: TimeDelta,
    /// The database's clock, read after the locks were granted.
    pub(crate) now: DateTime<Utc>,
    pub(crate) locked: BTreeMap<FlightId, LockedFlight>,
    pub(crate) flights: Flights,
    /// The unpaid seats of accounts on flights, with those of the batch's allowed claims.
    pub(crate) held: HashMap<(FlightId, UserId), i64>,
    /// The unpaid seats of unverified accounts on all flights, with those of the batch's allowed claims.
    pub(crate) held_unverified: HashMap<UserId, i64>,
    /// The bookings of the commands, as the earlier commands have left them. Their flights are locked.
    pub(crate) bookings: HashMap<BookingId, Booking>,
    pub(crate) verdicts: Vec<Option<Verdict>>,
    pub(crate) occupancy: BatchOccupancy,
    /// The used ones of the wanted locators.
    pub(crate) used: HashSet<Locator>,
    pub(crate) writes: WriteSetBuilder,
}

impl BatchWork<'_> {
    /// Refuses a command.
    pub(crate) fn refuse(&mut self, index: usize, refusal: Refusal) {
        self.verdicts[index] = Some(Verdict::Answer(Outcome::Refused(refusal)));
    }

    /// Adds the event of a changed booking. Gives the booking as the event shows it.
    pub(crate) fn emit_changed(
        &mut self,
        booking: &Booking,
        trace: Option<TraceContext>,
    ) -> StoreResult<ShownBooking> {
        let state = present(booking, &self.flights, self.now)?;
        self.writes.emit(EventType::BookingChanged, &state, trace);
        Ok(state)
    }

    /// The booking before a command, where the command is recorded.
    pub(crate) fn before_audit(
        &self,
        command: &Command,
        booking: &Booking,
    ) -> StoreResult<Option<ShownBooking>> {
        command.author().map(|_| present(booking, &self.flights, self.now)).transpose()
    }

    /// Records a command of staff, if it has changed the booking.
    pub(crate) fn audit(&mut self, item: Item<'_>, before: Option<&ShownBooking>, outcome: &Outcome) {
        let (Some(author), Some(before), Outcome::Done(after)) = (item.0.author(), before, outcome) else {
            return;
        };
        if before.text() != after.text() {
            self.writes.audits.extend(author.record((item.0.audited_action(), item.1), before, after));
        }
    }
}
