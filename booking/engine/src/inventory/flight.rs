//! Whether a flight can be booked.

use chrono::{DateTime, Utc};
use shared_types::events::{FlightState, FlightStatus};
use std::sync::Arc;

pub use shared_types::flight_time::{sales_are_open as is_open, sales_close_at as closes_at};

/// A flight of the local inventory.
#[derive(Debug, Clone)]
pub struct Flight {
    /// Neither cancelled nor closed by the flight service.
    pub on_sale: bool,
    pub state: Arc<FlightState>,
}

impl Flight {
    /// Whether it can be booked at an instant.
    pub fn is_bookable(&self, now: DateTime<Utc>) -> bool {
        self.on_sale && is_open(self.state.departure.at, now)
    }
}

/// Whether a flight in this state may be sold at all.
pub fn is_sold(state: &FlightState) -> bool {
    matches!(state.status, FlightStatus::Scheduled | FlightStatus::Delayed)
}
