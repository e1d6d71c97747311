//! The listeners to the commits of this instance's ledgers: its allocators, its live seat maps, and the relay.

use super::directory::Directory;
use booking_engine::{
    inventory::seat_inventory::HoldExpiries,
    ports::{CommitListener, FlightInventory},
};
use shared::{events::SeatsState, ids::FlightId, outbox::RelayHandle};

/// See the module.
pub(crate) struct CommitFollowers {
    pub(crate) directory: Directory,
    pub(crate) relay: RelayHandle,
}

impl CommitListener for CommitFollowers {
    fn events_committed(&self) {
        self.relay.nudge();
    }

    fn seats_changed(&self, state: SeatsState, holds: Option<HoldExpiries>) {
        self.directory.seats_changed(state, holds);
    }

    fn holds_changed(&self, flight: FlightId, holds: HoldExpiries) {
        self.directory.holds_changed(flight, holds);
    }

    fn invalidate(&self, flight: FlightId) {
        self.directory.invalidate(flight);
    }
}
