//! The commands that a transaction has carried out.

use booking_engine::ledger::{
    command::{Command, Outcome},
    work::{Item, Verdict},
};
use shared::ids::BookingId;
use std::collections::BTreeMap;

/// The commands that a transaction has carried out, in their order, by their bookings.
pub(crate) struct CarriedCommands<'a>(BTreeMap<BookingId, Vec<&'a Command>>);

impl<'a> CarriedCommands<'a> {
    pub(crate) fn of(items: &[Item<'a>], verdicts: &[Verdict]) -> Self {
        let mut carried: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((command, _), verdict) in items.iter().zip(verdicts) {
            if matches!(verdict, Verdict::Answer(Outcome::Done(_))) {
                carried.entry(command.booking()).or_default().push(*command);
            }
        }
        Self(carried)
    }

    /// The commands about a booking, in their order.
    pub(crate) fn about(&self, booking: BookingId) -> &[&'a Command] {
        self.0.get(&booking).map_or(&[], Vec::as_slice)
    }

    /// All commands, by their bookings.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Command> {
        self.0.values().flatten().copied()
    }
}
