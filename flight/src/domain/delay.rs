//! The new times of a late flight.

use super::{flight::Flight, planning::check_times};
use chrono::{DateTime, Utc};
use shared::{
    events::FlightStatus,
    flight_time::{FlightTime, InvalidTime, LocalMinute},
    http::FieldError,
};

/// The times of a flight by its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTimes {
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
}

/// New times of a flight, and what that makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// Delayed; scheduled where the times are those of the plan.
    pub status: FlightStatus,
    /// Why; without one where it flies by its plan.
    pub reason: Option<String>,
}

impl Delay {
    /// The delay of a flight to these local times of its airports, with errors by JSON pointer.
    ///
    /// # Errors
    /// All that is wrong with the times: those that clocks skip, a departure that is past, too far ahead or before the
    /// plan, an arrival that is not after the departure, a flight of more than 24 hours.
    pub fn new(
        flight: &Flight,
        plan: &PlannedTimes,
        (departure, arrival): (LocalMinute, LocalMinute),
        reason: String,
        now: DateTime<Utc>,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut read = |pointer: &str, local, present: &FlightTime, planned: &FlightTime| {
            let note = |error: InvalidTime| errors.push(FieldError::at(pointer, error));
            resolve(local, [present, planned]).map_err(note).ok()
        };
        let departure = read("/departure_local", departure, &flight.departure, &plan.departure);
        let arrival = read("/arrival_local", arrival, &flight.arrival, &plan.arrival);
        let (Some(departure), Some(arrival)) = (departure, arrival) else { return Err(errors) };
        errors.extend(check_times(&departure, &arrival, now));
        if departure.at < plan.departure.at {
            errors.push(FieldError::at("/departure_local", "must not be before the planned departure"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let in_time = departure.at == plan.departure.at && arrival.at == plan.arrival.at;
        let (status, reason) = match in_time {
            true => (FlightStatus::Scheduled, None),
            false => (FlightStatus::Delayed, Some(reason)),
        };
        Ok(Self { departure, arrival, status, reason })
    }

    /// Whether the flight has these times already, for this reason.
    #[must_use]
    pub fn is_of(&self, flight: &Flight) -> bool {
        (&self.departure, &self.arrival, self.status, &self.reason)
            == (&flight.departure, &flight.arrival, flight.status, &flight.reason)
    }

    /// The flight after it.
    #[must_use]
    pub fn apply(&self, flight: &Flight) -> Flight {
        Flight {
            version: flight.version + 1,
            departure: self.departure.clone(),
            arrival: self.arrival.clone(),
            status: self.status,
            reason: self.reason.clone(),
            ..flight.clone()
        }
    }
}

/// The instant that a local time names. Of a time that clocks show twice it is the first, unless the flight has the
/// second one already, in fact or by its plan.
fn resolve(local: LocalMinute, known: [&FlightTime; 2]) -> Result<FlightTime, InvalidTime> {
    match known.into_iter().find(|time| time.local == local) {
        Some(time) => Ok(time.clone()),
        None => FlightTime::from_local(local, &known[0].time_zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn local(text: &str) -> LocalMinute {
        text.parse().unwrap()
    }

    /// A flight of the sample in London's zone, with its plan.
    fn planned(departs: &str, arrives: &str) -> (Flight, PlannedTimes) {
        let time = |at: &str| FlightTime::from_instant(at.parse().unwrap(), "Europe/London").unwrap();
        let plan = PlannedTimes { departure: time(departs), arrival: time(arrives) };
        let (departure, arrival) = (plan.departure.clone(), plan.arrival.clone());
        (Flight { departure, arrival, ..sample::flight(("LHR", "CDG"), "2026-12-01T10:00", 75) }, plan)
    }

    fn delayed(
        (flight, plan): &(Flight, PlannedTimes),
        times: (&str, &str),
        now: &str,
    ) -> Result<Delay, Vec<String>> {
        let times = (local(times.0), local(times.1));
        let delay = Delay::new(flight, plan, times, "fog".to_owned(), now.parse().unwrap());
        delay.map_err(|errors| errors.into_iter().filter_map(|error| error.pointer).collect())
    }

    #[test]
    fn a_flight_is_late_until_it_flies_by_its_plan_again() {
        let on_time = planned("2026-12-01T10:00:00Z", "2026-12-01T11:15:00Z");
        let now = "2026-12-01T09:00:00Z";
        let late = delayed(&on_time, ("2026-12-01T11:00", "2026-12-01T12:15"), now).unwrap();
        assert_eq!((late.status, late.reason.as_deref()), (FlightStatus::Delayed, Some("fog")));
        let flight = late.apply(&on_time.0);
        assert_eq!(flight.version, on_time.0.version + 1);
        assert!(late.is_of(&flight) && !late.is_of(&on_time.0));
        let later = (flight, on_time.1.clone());
        let arrives_later = delayed(&on_time, ("2026-12-01T10:00", "2026-12-01T11:30"), now).unwrap();
        assert_eq!(arrives_later.status, FlightStatus::Delayed);
        let back = delayed(&later, ("2026-12-01T10:00", "2026-12-01T11:15"), now).unwrap();
        assert_eq!((back.status, back.reason.as_deref()), (FlightStatus::Scheduled, None));
        assert!(back.is_of(&on_time.0));
    }

    #[test]
    fn wrong_times_are_all_told() {
        let on_time = planned("2027-03-27T10:00:00Z", "2027-03-27T11:15:00Z");
        let now = "2027-03-27T10:30:00Z";
        let wrong = |departs, arrives| delayed(&on_time, (departs, arrives), now).unwrap_err();
        assert_eq!(wrong("2027-03-27T10:29", "2027-03-27T10:29"), ["/departure_local", "/arrival_local"]);
        let twice = ["/departure_local", "/departure_local"];
        assert_eq!(wrong("2027-03-27T09:00", "2027-03-27T12:00"), twice, "past, and before the plan");
        assert_eq!(wrong("2027-03-27T11:00", "2027-03-28T12:01"), ["/arrival_local"]);
        // Clocks skip this hour.
        assert_eq!(wrong("2027-03-28T01:30", "2027-03-28T01:45"), ["/departure_local", "/arrival_local"]);
    }

    #[test]
    fn an_ambiguous_time_is_the_first_unless_the_flight_has_the_second() {
        // Clocks show 01:30 twice, at 00:30 and at 01:30 UTC.
        let second = planned("2026-10-25T01:30:00Z", "2026-10-25T03:00:00Z");
        let now = "2026-10-24T12:00:00Z";
        let same = delayed(&second, ("2026-10-25T01:30", "2026-10-25T03:30"), now).unwrap();
        assert_eq!(same.departure, second.1.departure);
        let evening = planned("2026-10-24T22:00:00Z", "2026-10-24T23:30:00Z");
        let late = delayed(&evening, ("2026-10-25T01:30", "2026-10-25T03:30"), now).unwrap();
        assert_eq!(late.departure.at.to_rfc3339(), "2026-10-25T00:30:00+00:00");
    }
}
