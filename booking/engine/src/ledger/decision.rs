//! The decisions of a batch, and the updates that it publishes after the commit.

use crate::{
    booking::record::Booking,
    inventory::seat_inventory::HoldExpiries,
    ledger::{
        occupancy::BatchOccupancy,
        work::{Item, Verdict},
        write_set::WriteSet,
        write_set_builder::WriteSetBuilder,
    },
};
use shared_types::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId},
};
use std::collections::HashMap;

/// The decisions of a batch, before they are written and committed.
pub struct BatchDecision<'a> {
    /// The commands with their traces.
    pub items: &'a [Item<'a>],
    /// The verdicts, one for each command in their order.
    pub verdicts: Vec<Verdict>,
    pub(crate) occupancy: BatchOccupancy,
    /// The seats of the flights whose seats change.
    pub(crate) seats: Vec<SeatsState>,
    pub(crate) bookings: HashMap<BookingId, Booking>,
    pub(crate) writes: WriteSetBuilder,
    /// The ends of the holds that are made or changed.
    pub(crate) holds: HashMap<FlightId, HoldExpiries>,
}

impl BatchDecision<'_> {
    /// The rows to be written, except the events.
    pub fn write_set(&self) -> WriteSet<'_> {
        self.writes.write_set(&self.occupancy, &self.seats, &self.bookings)
    }

    /// The events to be published. They are written last in the transaction.
    pub fn events(&self) -> Vec<Event> {
        self.writes.events(&self.seats)
    }

    /// Turns the decision, which is committed, into the messages after the commit.
    pub fn committed(self) -> CommittedBatch {
        CommittedBatch {
            verdicts: self.verdicts,
            has_events: self.writes.has_events() || !self.seats.is_empty(),
            seats: self.seats,
            holds: self.holds,
            purchases: self.writes.into_purchases().collect(),
        }
    }
}

/// The results of a committed batch, for callers and listeners.
pub struct CommittedBatch {
    /// The verdicts, one for each command in their order.
    pub verdicts: Vec<Verdict>,
    /// The seats of the flights whose seats changed.
    pub seats: Vec<SeatsState>,
    /// The ends of the holds that were made or changed.
    pub holds: HashMap<FlightId, HoldExpiries>,
    /// Whether there are events to be published.
    pub has_events: bool,
    /// The bookings that one call made and paid.
    pub purchases: Vec<Booking>,
}
