//! The dependencies of the acts.

use crate::{booking::BookingClient, domain::flight::Flight, http::CommittedChanges};
use actix_web::web;
use shared::{db::Pool, error_chain::ErrorChain};

/// The database, the followers of changes, and booking.
pub(super) struct DisruptionDeps {
    pub(super) pool: web::Data<Pool>,
    pub(super) changes: web::Data<CommittedChanges>,
    pub(super) booking: web::Data<BookingClient>,
}

impl DisruptionDeps {
    /// Tells everybody of a committed change. Booking hears of it at once, so that nothing of the flight stays off sale
    /// until the event comes; where it does not, the event does it.
    pub(super) async fn committed(&self, flight: Flight) {
        let state = flight.state();
        self.changes.committed(vec![flight]).await;
        if let Err(error) = self.booking.follow(&state).await {
            tracing::warn!(
                flight.id = %state.id, error = %ErrorChain(&error),
                "Booking was not told of a disruption: it follows with the event"
            );
        }
    }
}
