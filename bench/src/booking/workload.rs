//! What is measured, and the flights of it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{events::FlightState, flight_time::FlightTime, ids::FlightId};

/// Brand of all bookings.
pub const BRAND: &str = "standard";

/// The seats of an airplane: one cabin, rows from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// How many rows.
    pub rows: u8,
    /// Whether the wide one, `ABC|DEFG|HJK`, else `ABC|DEF`.
    pub wide: bool,
}

impl Layout {
    /// The letters of a row with the aisles between them.
    #[must_use]
    pub fn columns(self) -> &'static str {
        if self.wide { "ABC|DEFG|HJK" } else { "ABC|DEF" }
    }

    /// The letters of a row.
    pub fn letters(self) -> impl Iterator<Item = char> {
        self.columns().chars().filter(|letter| *letter != '|')
    }

    /// How many seats.
    #[must_use]
    pub fn capacity(self) -> usize {
        usize::from(self.rows) * self.letters().count()
    }
}

/// A way to sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Four flights on sale at a time, paid in one call; seats are assigned.
    HotFlight,
    /// The same, where some name a seat that others may be after.
    HotNamed,
    /// Two hundred flights on sale at a time, paid in one call.
    Spread,
    /// As the hot flights, but held, not paid: one commit.
    Held,
}

impl Workload {
    /// All, in the order in which they are measured.
    pub const ALL: [Self; 4] = [Self::HotFlight, Self::HotNamed, Self::Spread, Self::Held];

    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HotFlight => "hot_flight",
            Self::HotNamed => "hot_named",
            Self::Spread => "spread",
            Self::Held => "held",
        }
    }

    /// Flights on sale at a time; a sold-out one is replaced by the next.
    #[must_use]
    pub fn slots(self) -> usize {
        match self {
            Self::HotFlight | Self::HotNamed | Self::Held => 4,
            Self::Spread => 200,
        }
    }

    /// The airplanes: an A320 of 180 seats; for the spread a wide one of 500, which does not sell out
    /// within a round.
    #[must_use]
    pub fn layout(self) -> Layout {
        match self {
            Self::HotFlight | Self::HotNamed | Self::Held => Layout { rows: 30, wide: false },
            Self::Spread => Layout { rows: 50, wide: true },
        }
    }

    /// Of a hundred requests, those that name a seat: one that the client believes to be free. The others
    /// have their seat assigned.
    #[must_use]
    pub fn naming(self) -> u32 {
        match self {
            // As the baseline, which takes the next seat.
            Self::HotFlight | Self::Held => 0,
            Self::HotNamed | Self::Spread => 30,
        }
    }

    /// Whether bookings are paid.
    #[must_use]
    pub fn is_paid(self) -> bool {
        self != Self::Held
    }

    /// Flights for a round of so many seconds at so many bookings a second at most.
    #[must_use]
    pub fn flights(self, seconds: u64, rate: usize) -> usize {
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        self.slots() * 2 + rate.saturating_mul(seconds) / self.layout().capacity()
    }
}

/// A flight from London to New York in sixty days.
///
/// # Errors
/// Where it does not fit the contract, an error of ours.
pub fn flight(layout: Layout) -> anyhow::Result<FlightState> {
    let departs = Utc::now() + TimeDelta::days(60);
    let departs = DateTime::from_timestamp(departs.timestamp() / 3600 * 3600, 0).unwrap_or(departs);
    let station = |iata: &str, city: &str, country: &str, zone: &str| {
        json!({
            "iata": iata, "name": format!("{city} International Airport"),
            "city": {"code": iata, "name": city}, "country": country, "time_zone": zone,
        })
    };
    let fare = |brand: &str| json!({"cabin": "economy", "brand": brand, "base_price": {"amount": "106.00", "currency": "EUR"}});
    let fares: Vec<Value> = ["light", BRAND, "flex"].map(fare).to_vec();
    let exits: &[u8] = if layout.wide { &[] } else { &[12, 13] };
    Ok(serde_json::from_value(json!({
        "id": FlightId::new(), "version": 1, "flight_number": "AE101",
        "airline": {"code": "AE", "name": "Aerobus Airlines", "accounting_code": "997"},
        "origin": station("LHR", "London", "GB", "Europe/London"),
        "destination": station("JFK", "New York", "US", "America/New_York"),
        "departure": FlightTime::from_instant(departs, "Europe/London")?,
        "arrival": FlightTime::from_instant(departs + TimeDelta::hours(7), "America/New_York")?,
        "airplane": "G-AERO", "aircraft_type": {"code": "320", "name": "Airbus A320"},
        "seat_plan": {
            "cabins": [{"cabin": "economy", "rows": [1, layout.rows], "columns": layout.columns()}],
            "exit_rows": exits, "blocked_seats": [],
        },
        "fares": fares, "status": "scheduled", "reason": null,
    }))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airplanes_have_their_seats() {
        assert_eq!(Workload::HotFlight.layout().capacity(), 180);
        assert_eq!(Workload::Spread.layout().capacity(), 500);
        for workload in Workload::ALL {
            let flight = flight(workload.layout()).unwrap();
            assert_eq!(flight.seat_plan.seats().count(), workload.layout().capacity());
            assert!(workload.flights(5, 10_000) > workload.slots());
        }
    }
}
