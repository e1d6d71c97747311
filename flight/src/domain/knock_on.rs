//! The later flights of an airplane that it cannot fly in time after a disruption.
//!
//! What is listed is left as it is: whether these flights are late, get another airplane or are cancelled is for the
//! people who plan to decide.

use super::rotation::RotationFlight;
use chrono::{DateTime, TimeDelta, Utc};
use shared::{iata::AirportCode, ids::FlightId};

/// An arrival of an airplane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateArrival {
    /// When the flight is planned to leave: later flights are those that are planned to leave after it.
    pub planned_departs_at: DateTime<Utc>,
    /// When it arrives.
    pub arrives_at: DateTime<Utc>,
    /// How long the airplane stays on the ground at least.
    pub turnaround: TimeDelta,
}

/// The later flights that the airplane cannot reach in time: the next one, if it leaves before the airplane has arrived
/// and turned around; the one after it, if the next one is late for that reason; and so on. A late flight takes as long
/// as it would in time.
///
/// The flights must be in the order of their planned departures.
#[must_use]
pub fn out_of_reach(rotation: &[RotationFlight], arrival: LateArrival) -> Vec<FlightId> {
    let mut free_at = arrival.arrives_at + arrival.turnaround;
    later(rotation, arrival.planned_departs_at)
        .take_while(|flight| {
            let is_late = flight.departs_at < free_at;
            free_at += (flight.arrives_at - flight.departs_at) + arrival.turnaround;
            is_late
        })
        .map(|flight| flight.id)
        .collect()
}

/// The later flights of an airplane that does not leave this airport after all: those from elsewhere, until one leaves
/// from where it is. `planned_departs_at`: when the flight was planned to leave that it does not fly.
///
/// The flights must be in the order of their planned departures.
#[must_use]
pub fn stranded(
    rotation: &[RotationFlight],
    planned_departs_at: DateTime<Utc>,
    at: &AirportCode,
) -> Vec<FlightId> {
    later(rotation, planned_departs_at)
        .take_while(|flight| flight.origin != *at)
        .map(|flight| flight.id)
        .collect()
}

/// A departure of an airplane that had no part in its flights before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedDeparture<'a> {
    /// When the flight is planned to leave.
    pub planned_departs_at: DateTime<Utc>,
    /// When it leaves.
    pub departs_at: DateTime<Utc>,
    /// From where.
    pub origin: &'a AirportCode,
    /// How long the airplane stays on the ground at least.
    pub turnaround: TimeDelta,
}

/// Whether the flight before keeps the airplane from a flight that is new to it: it ends elsewhere, or too late.
///
/// The flights must be in the order of their planned departures.
#[must_use]
pub fn is_out_of_reach(rotation: &[RotationFlight], added: AddedDeparture<'_>) -> bool {
    let before = rotation.iter().rfind(|flight| flight.planned_departs_at < added.planned_departs_at);
    before.is_some_and(|before| {
        before.destination != *added.origin || before.arrives_at + added.turnaround > added.departs_at
    })
}

fn later(
    rotation: &[RotationFlight],
    planned_departs_at: DateTime<Utc>,
) -> impl Iterator<Item = &RotationFlight> {
    rotation.iter().filter(move |flight| flight.planned_departs_at > planned_departs_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        "2026-12-01T06:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
    }

    /// LHR-CDG, CDG-LHR and so on: an hour each, with these planned departures (minutes after the first).
    fn rotation(departures: &[i64]) -> Vec<RotationFlight> {
        let flight = |(index, departs): (usize, &i64)| {
            let (here, there) = if index % 2 == 0 { ("LHR", "CDG") } else { ("CDG", "LHR") };
            RotationFlight {
                id: FlightId::new(),
                flight_number: format!("AE{}", index + 1).parse().unwrap(),
                origin: here.parse().unwrap(),
                destination: there.parse().unwrap(),
                planned_departs_at: at(*departs),
                planned_arrives_at: at(departs + 60),
                departs_at: at(*departs),
                arrives_at: at(departs + 60),
            }
        };
        departures.iter().enumerate().map(flight).collect()
    }

    #[test]
    fn an_airplane_that_is_elsewhere_or_late_does_not_reach_a_flight_that_is_new_to_it() {
        let rotation = rotation(&[0, 100]);
        let reached = |departs: i64, origin: &str| {
            let origin = origin.parse().unwrap();
            let turnaround = TimeDelta::minutes(40);
            let (planned_departs_at, departs_at) = (at(departs), at(departs));
            !is_out_of_reach(
                &rotation,
                AddedDeparture { planned_departs_at, departs_at, origin: &origin, turnaround },
            )
        };
        assert!(reached(-10, "NRT"), "nothing is known of where it was before");
        assert!(reached(100, "CDG") && !reached(99, "CDG"), "it turns around in 40 minutes");
        assert!(!reached(100, "LHR") && reached(300, "LHR") && !reached(300, "CDG"));
    }

    /// The positions of the flights that are out of reach when the first one arrives so late.
    fn late(rotation: &[RotationFlight], arrives: i64) -> Vec<usize> {
        let arrival = LateArrival {
            planned_departs_at: at(0),
            arrives_at: at(arrives),
            turnaround: TimeDelta::minutes(40),
        };
        let found = out_of_reach(rotation, arrival);
        found.iter().map(|id| rotation.iter().position(|flight| flight.id == *id).unwrap()).collect()
    }

    #[test]
    fn a_delay_goes_on_until_there_is_time_enough() {
        // 40 minutes between the first three, two hours before the fourth.
        let rotation = rotation(&[0, 100, 200, 380, 480]);
        assert_eq!(late(&rotation, 60), [0_usize; 0]);
        assert_eq!(late(&rotation, 61), [1, 2]);
        // The third arrives 80 minutes late, which the pause takes up.
        assert_eq!(late(&rotation, 140), [1, 2]);
        assert_eq!(late(&rotation, 141), [1, 2, 3, 4]);
    }

    #[test]
    fn a_flight_that_is_late_itself_is_reached_by_its_new_time() {
        let mut rotation = rotation(&[0, 100, 200]);
        rotation[1].departs_at += TimeDelta::minutes(60);
        rotation[1].arrives_at += TimeDelta::minutes(60);
        assert_eq!(late(&rotation, 120), [0_usize; 0], "it waits for the airplane anyway");
        assert_eq!(late(&rotation, 121), [1, 2]);
    }

    #[test]
    fn earlier_flights_do_not_count() {
        let rotation = rotation(&[-200, -100, 0, 100]);
        assert_eq!(late(&rotation, 200), [3]);
    }

    #[test]
    fn an_airplane_that_stays_flies_again_from_where_it_is() {
        let rotation = rotation(&[0, 100, 200, 300]);
        let lost = stranded(&rotation, at(0), &"LHR".parse().unwrap());
        assert_eq!(lost, [rotation[1].id]);
        let lost = stranded(&rotation, at(-50), &"LGW".parse().unwrap());
        assert_eq!(lost.len(), 4, "it never comes back there");
        assert_eq!(stranded(&rotation, at(300), &"CDG".parse().unwrap()), []);
    }
}
