//! What the transaction of a batch has read, and what it will write: the handlers of commands share it.

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

/// A command of the batch with its trace.
pub type Item<'a> = (&'a Command, Option<TraceContext>);

/// What a command came to within the transaction.
#[derive(Debug)]
pub enum Verdict {
    /// It is answered.
    Answer(Outcome),
    /// These bookings, holds that have ended, were in its way: the next batch expires them, then tries it again.
    RetryAfterExpiring(Vec<BookingId>),
}

/// What a transition comes to: the booking as its event shows it, where there is an event.
pub(crate) type Transition = Result<Option<ShownBooking>, Refusal>;

/// See the module.
pub(crate) struct BatchWork<'a> {
    pub(crate) items: &'a [Item<'a>],
    /// How long a payment prolongs its hold.
    pub(crate) payment_grace: TimeDelta,
    /// The database's clock after the locks.
    pub(crate) now: DateTime<Utc>,
    pub(crate) locked: BTreeMap<FlightId, LockedFlight>,
    pub(crate) flights: Flights,
    /// Seats that accounts hold, unpaid, with those of the claims that were let through.
    pub(crate) held: HashMap<(FlightId, UserId), i64>,
    /// The same of unverified accounts on all flights.
    pub(crate) held_unverified: HashMap<UserId, i64>,
    /// The bookings that commands are about, whose flights are locked, as the commands before have left them.
    pub(crate) bookings: HashMap<BookingId, Booking>,
    pub(crate) verdicts: Vec<Option<Verdict>>,
    pub(crate) occupancy: BatchOccupancy,
    /// Those of the locators of claims that bookings have.
    pub(crate) used: HashSet<Locator>,
    pub(crate) writes: WriteSetBuilder,
}

impl BatchWork<'_> {
    /// A command is refused.
    pub(crate) fn refuse(&mut self, index: usize, refusal: Refusal) {
        self.verdicts[index] = Some(Verdict::Answer(Outcome::Refused(refusal)));
    }

    /// A booking has changed: adds the event.
    pub(crate) fn emit_changed(
        &mut self,
        booking: &Booking,
        trace: Option<TraceContext>,
    ) -> StoreResult<ShownBooking> {
        let state = present(booking, &self.flights, self.now)?;
        self.writes.emit(EventType::BookingChanged, &state, trace);
        Ok(state)
    }
}
