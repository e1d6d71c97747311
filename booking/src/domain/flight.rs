//! Whether a flight can be booked.

use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{FlightState, FlightStatus},
    seat::{Cabin, SeatDesignator},
};
use std::sync::Arc;

/// Minutes before departure at which sales close.
const SALES_CLOSE_MINUTES: i64 = 45;

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

/// Whether sales of a flight with this departure are still open.
pub(crate) fn is_open(departure: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now <= closes_at(departure)
}

/// When sales of a flight with this departure close.
pub(crate) fn closes_at(departure: DateTime<Utc>) -> DateTime<Utc> {
    departure - TimeDelta::minutes(SALES_CLOSE_MINUTES)
}

/// Whether a flight in this state may be sold at all.
pub(crate) fn is_sold(state: &FlightState) -> bool {
    matches!(state.status, FlightStatus::Scheduled | FlightStatus::Delayed)
}

/// The seats of a cabin that can be sold: all but the blocked ones.
pub(crate) fn sellable(state: &FlightState, cabin: Cabin) -> impl Iterator<Item = SeatDesignator> + '_ {
    let plan = &state.seat_plan;
    plan.seats()
        .filter(move |(seat, of)| *of == cabin && !plan.blocked_seats.contains(seat))
        .map(|(seat, _)| seat)
}
