//! The desks that have bookings follow what the airline did to their flights, as `DisruptionDesk` does it:
//! each on its own, of any change, whoever else works on it.

use super::world::World;
use booking_engine::booking::disruption::Disruption;
use booking_engine::{booking::disruption::Pending, ledger::command::Command};
use futures_util::future::join_all;
use shared::ids::BookingId;
use std::rc::Rc;

/// Changes taken up at once.
pub(super) const CHANGES: usize = 64;

impl World {
    /// Has all bookings follow the changes that are stored, as far as the database is there.
    pub(super) async fn follow_all(self: &Rc<Self>, at: usize) {
        self.hop().await;
        if self.database.borrow().is_down(self.now()) {
            return;
        }
        let changes = self.database.borrow().rows.pending(CHANGES);
        if let Some(trace) = &self.trace {
            trace.borrow_mut().pending(&changes);
        }
        for change in changes {
            if self.follow(at, change).await.is_none() {
                return;
            }
        }
    }

    /// `None`: the database is not there.
    async fn follow(self: &Rc<Self>, at: usize, change: Pending) -> Option<()> {
        self.hop().await;
        if self.database.borrow().is_down(self.now()) {
            return None;
        }
        let bookings = self.database.borrow().rows.bookings_on(change.flight);
        if let Some(trace) = &self.trace {
            trace.borrow_mut().bookings_on(change.flight, &bookings);
        }
        self.note(|| format!("instance {at} has {} bookings follow {change:?}", bookings.len()));
        let commands = bookings.iter().map(|booking| command(change, *booking));
        let answers = join_all(commands.map(|command| self.submit(at, change.flight, command))).await;
        // What failed is found again at the next look.
        if answers.iter().all(Result::is_ok) {
            self.hop().await;
            if self.database.borrow().is_down(self.now()) {
                return None;
            }
            self.database.borrow_mut().followed(change);
            if let Some(trace) = &self.trace {
                trace.borrow_mut().followed(change);
            }
        }
        Some(())
    }
}

fn command(Pending { flight, version, kind }: Pending, booking: BookingId) -> Command {
    match kind {
        Disruption::Cancelled => Command::CancelByAirline { booking, flight },
        Disruption::Rescheduled => Command::Reschedule { booking, flight, version },
    }
}
