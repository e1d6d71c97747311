//! Whether a flight can be booked.

use chrono::{DateTime, Utc};
use shared::events::{FlightState, FlightStatus};
use std::sync::Arc;

pub(crate) use shared::flight_time::{sales_are_open as is_open, sales_close_at as closes_at};

/// A flight of the local inventory.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    /// Neither cancelled nor closed by the flight service.
    pub(crate) on_sale: bool,
    pub(crate) state: Arc<FlightState>,
}

impl Flight {
    /// Whether it can be booked at an instant.
    pub(crate) fn is_bookable(&self, now: DateTime<Utc>) -> bool {
        self.on_sale && is_open(self.state.departure.at, now)
    }
}

/// Whether a flight in this state may be sold at all.
pub(crate) fn is_sold(state: &FlightState) -> bool {
    matches!(state.status, FlightStatus::Scheduled | FlightStatus::Delayed)
}
