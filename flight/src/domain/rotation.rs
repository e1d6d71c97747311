//! What one airplane flies, flight after flight: how long it needs on the ground, and where it has to be.

use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    iata::{AircraftTypeCode, AirportCode, FlightNumber},
    ids::FlightId,
    seat::SeatPlan,
};

/// What the IATA codes of the types of ATR begin with.
const ATR: &str = "AT";

/// How long an airplane stays on the ground between two flights at least: 25 minutes for an ATR, 90 for a wide body,
/// which has two aisles, and 40 for all others (the house's rule, ADR 0056).
#[must_use]
pub fn turnaround(aircraft_type: &AircraftTypeCode, plan: &SeatPlan) -> TimeDelta {
    let two_aisles = plan.cabins.iter().any(|section| section.columns.blocks().count() > 2);
    let minutes = match (aircraft_type.as_str().starts_with(ATR), two_aisles) {
        (true, _) => 25,
        (false, true) => 90,
        (false, false) => 40,
    };
    TimeDelta::minutes(minutes)
}

/// What decides how an airplane can be planned: its type and its seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AirplaneFit {
    /// Its type.
    pub aircraft_type: AircraftTypeCode,
    /// Its seats.
    pub plan: SeatPlan,
}

impl AirplaneFit {
    /// How long it stays on the ground between two flights at least, see [`turnaround`].
    #[must_use]
    pub fn turnaround(&self) -> TimeDelta {
        turnaround(&self.aircraft_type, &self.plan)
    }
}

/// A flight as one of those of its airplane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationFlight {
    /// Its id.
    pub id: FlightId,
    /// Its number.
    pub flight_number: FlightNumber,
    /// From where.
    pub origin: AirportCode,
    /// To where.
    pub destination: AirportCode,
    /// When it is planned to leave.
    pub planned_departs_at: DateTime<Utc>,
    /// When it is planned to arrive.
    pub planned_arrives_at: DateTime<Utc>,
    /// When it leaves: later than planned where it is delayed.
    pub departs_at: DateTime<Utc>,
    /// When it arrives.
    pub arrives_at: DateTime<Utc>,
}

/// A flight that leaves from elsewhere than where its airplane last arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Displacement<'a> {
    /// The flight before.
    pub before: &'a RotationFlight,
    /// The flight whose airplane is elsewhere.
    pub flight: &'a RotationFlight,
}

/// The flights of one airplane that leave from elsewhere than where it has arrived before, by the plan. What the
/// airplane did before the first of them is not known, so that one never is.
///
/// The flights must be in the order of their planned departures.
pub fn displacements(rotation: &[RotationFlight]) -> impl Iterator<Item = Displacement<'_>> {
    rotation.windows(2).filter_map(|pair| match pair {
        [before, flight] if before.destination != flight.origin => Some(Displacement { before, flight }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::fits::FITS;

    #[test]
    fn the_house_fits_turn_around_as_the_demo_does() {
        for fit in FITS {
            let layout = fit.layout().unwrap();
            let minutes = turnaround(&layout.aircraft_type, &layout.plan).num_minutes();
            assert_eq!(minutes, fit.turnaround_minutes, "{}", layout.name);
        }
    }

    #[test]
    fn an_airplane_leaves_from_where_it_has_arrived() {
        let start: DateTime<Utc> = "2026-12-01T10:00:00Z".parse().unwrap();
        let flight = |hours: i64, origin: &str, destination: &str| {
            let departs_at = start + TimeDelta::hours(hours);
            let arrives_at = departs_at + TimeDelta::minutes(75);
            RotationFlight {
                id: FlightId::new(),
                flight_number: "AE1".parse().unwrap(),
                origin: origin.parse().unwrap(),
                destination: destination.parse().unwrap(),
                planned_departs_at: departs_at,
                planned_arrives_at: arrives_at,
                departs_at,
                arrives_at,
            }
        };
        let rotation = [
            flight(0, "LHR", "CDG"),
            flight(3, "CDG", "LHR"),
            flight(6, "LGW", "CDG"),
            flight(9, "CDG", "LGW"),
        ];
        let found: Vec<_> = displacements(&rotation).collect();
        assert_eq!(found, [Displacement { before: &rotation[1], flight: &rotation[2] }]);
        assert_eq!(displacements(&rotation[..1]).count(), 0);
        assert_eq!(displacements(&[]).count(), 0);
    }
}
