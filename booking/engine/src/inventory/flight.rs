//! Whether a flight can be booked.

use chrono::{DateTime, Utc};
use shared_types::events::{FlightState, FlightStatus};
use std::sync::Arc;

pub use shared_types::flight_time::{sales_are_open as is_open, sales_close_at as closes_at};

/// A flight of the local inventory.
#[derive(Debug, Clone)]
pub struct Flight {
    /// Whether it is sold: the flight service has neither cancelled nor closed it.
    pub on_sale: bool,
    /// Its state, as the flight service has published it.
    pub state: Arc<FlightState>,
}

impl Flight {
    /// Whether it can be booked at `now`: it is sold, and sales have not closed before its departure.
    pub fn is_bookable(&self, now: DateTime<Utc>) -> bool {
        self.on_sale && is_open(self.state.departure.at, now)
    }
}

/// Whether the status of a flight allows sales: it is scheduled or delayed.
pub fn is_sold(state: &FlightState) -> bool {
    matches!(state.status, FlightStatus::Scheduled | FlightStatus::Delayed)
}
