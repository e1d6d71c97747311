//! What must hold of the plan of any window.

use super::*;
use crate::demo::{airports::DemoPlaces, fits::FITS};
use chrono::Days;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn window(start: NaiveDate, days: u64) -> Vec<NaiveDate> {
    (0..days).map(|day| start + Days::new(day)).collect()
}

fn plan(start: NaiveDate, days: u64) -> Vec<Vec<PlannedFlight>> {
    let (places, fleet) = (DemoPlaces::read().unwrap(), Fleet::new().unwrap());
    DemoTimetable::new(&places.airports, &fleet).unwrap().plan(&window(start, days)).unwrap()
}

/// Minutes on the ground that each airplane needs, by registration.
fn turnarounds() -> HashMap<Registration, i64> {
    let fleet = Fleet::new().unwrap();
    let of_line = network::lines().zip(&fleet.of_lines);
    of_line.flat_map(|(line, of)| of.iter().map(|one| (one.clone(), line.fit.turnaround_minutes))).collect()
}

/// Each airplane's flights by departure: never two at once, each from where the last one ended, and
/// in the end at home.
fn check_rotations(flights: &[&PlannedFlight]) {
    let turnarounds = turnarounds();
    let mut rotations: HashMap<&Registration, Vec<&PlannedFlight>> = HashMap::new();
    for flight in flights {
        rotations.entry(&flight.airplane).or_default().push(flight);
    }
    for (airplane, mut rotation) in rotations {
        rotation.sort_by_key(|flight| flight.departure.at);
        for pair in rotation.windows(2) {
            let ground = (pair[1].departure.at - pair[0].arrival.at).num_minutes();
            assert!(ground >= turnarounds[airplane], "{airplane} between {:?} and {:?}", pair[0], pair[1]);
            assert_eq!(pair[0].destination, pair[1].origin, "{airplane} on {}", pair[1].departure.at);
        }
        let (first, last) = (rotation[0], rotation[rotation.len() - 1]);
        assert_eq!(first.origin, last.destination, "{airplane} returns to its base");
    }
}

fn check_times(flights: &[&PlannedFlight]) {
    let (early, late) = ("06:00".to_owned(), "23:00".to_owned());
    for flight in flights {
        let local = flight.departure.local.to_string()[11..].to_owned();
        assert!(early <= local && local <= late, "{flight:?}");
        assert!(flight.departure.at < flight.arrival.at, "{flight:?}");
        // What a client sees as local is what it may send: the local time exists and is the same instant.
        let time = FlightTime::from_local(flight.departure.local, &flight.departure.time_zone);
        assert_eq!(time.as_ref(), Ok(&flight.departure));
    }
}

fn check_numbers(flights: &[&PlannedFlight]) {
    let keys: HashSet<_> = flights
        .iter()
        .map(|flight| (&flight.flight_number, &flight.origin, flight.departure.local.date()))
        .collect();
    assert_eq!(keys.len(), flights.len(), "a number leaves a place once a day");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_window_can_be_flown(start in 0_u64..5500, days in 3_u64..12) {
        let plan = plan(date("2024-01-01") + Days::new(start), days);
        let flights: Vec<&PlannedFlight> = plan.iter().flatten().collect();
        check_rotations(&flights);
        check_times(&flights);
        check_numbers(&flights);
    }

    #[test]
    fn a_day_is_the_same_in_every_window(start in 0_u64..5500, ahead in 1_u64..5) {
        let start = date("2024-01-01") + Days::new(start);
        let (first, second) = (plan(start, 6), plan(start + Days::new(ahead), 6));
        let ahead = usize::try_from(ahead).unwrap();
        prop_assert_eq!(&first[ahead..], &second[..6 - ahead]);
    }
}

#[test]
fn every_change_of_clocks_can_be_flown() {
    // Europe and North America change on different Sundays of March, October and November.
    for start in ["2026-03-05", "2026-10-22", "2027-03-10", "2027-10-28"] {
        let plan = plan(date(start), 30);
        let flights: Vec<&PlannedFlight> = plan.iter().flatten().collect();
        check_rotations(&flights);
        check_times(&flights);
        check_numbers(&flights);
    }
}

#[test]
fn sixty_days_have_more_than_200_flights_each() {
    let start = date("2026-11-22");
    let plan = plan(start, 60);
    let mut of_day: HashMap<NaiveDate, usize> = HashMap::new();
    for flight in plan.iter().flatten() {
        *of_day.entry(flight.departure.local.date()).or_default() += 1;
    }
    for day in window(start, 60) {
        assert!(of_day[&day] >= 200, "{day}: {}", of_day[&day]);
    }
    assert!(plan.iter().map(Vec::len).sum::<usize>() >= 12_000);
}

#[test]
fn the_first_number_goes_to_new_york() {
    let plan = plan(date("2026-12-01"), 1);
    let find = |number: &str| plan[0].iter().find(|flight| flight.flight_number.as_str() == number).unwrap();
    let (out, back) = (find("AE1"), find("AE2"));
    assert_eq!((out.origin.as_str(), out.destination.as_str()), ("LHR", "JFK"));
    assert_eq!(
        (out.departure.local.to_string(), out.arrival.local.to_string()),
        ("2026-12-01T11:00".into(), "2026-12-01T13:40".into())
    );
    assert_eq!(back.departure.local.to_string(), "2026-12-01T18:30");
    assert_eq!(back.arrival.local.to_string(), "2026-12-02T06:15");
    assert_eq!(out.airplane, back.airplane);
    assert_eq!(out.fares.len(), 9, "three cabins in three brands");
}

#[test]
fn every_layout_and_both_hubs_are_used() {
    let plan = plan(date("2026-12-01"), 2);
    let connected = |from: &str, to: &str| {
        plan[0].iter().any(|flight| flight.origin.as_str() == from && flight.destination.as_str() == to)
    };
    for (from, to) in [("LHR", "CDG"), ("CDG", "LHR"), ("CDG", "JFK"), ("LHR", "SIN"), ("NRT", "CDG")] {
        assert!(connected(from, to), "{from}-{to}");
    }
    for fit in FITS {
        assert!(network::lines().any(|line| std::ptr::eq(line.fit, fit)), "{fit:?}");
    }
}

#[test]
fn times_that_clocks_skip_move_by_an_hour() {
    let places = DemoPlaces::read().unwrap();
    let airport = places.airports.iter().find(|airport| airport.iata.as_str() == "CDG").unwrap();
    let paris = DemoStation { airport, zone: time_zones::find("Europe/Paris").unwrap().rules };
    let local =
        |text: &str| paris.time(paris.instant(text.parse().unwrap()).unwrap()).unwrap().local.to_string();
    assert_eq!(local("2027-03-28T02:30"), "2027-03-28T03:30");
    assert_eq!(local("2027-03-28T03:30"), "2027-03-28T03:30");
    assert_eq!(
        paris.instant("2026-10-25T02:30".parse().unwrap()).unwrap().to_string(),
        "2026-10-25T00:30:00Z"
    );
}

#[test]
fn nobody_leaves_at_night() {
    let places = DemoPlaces::read().unwrap();
    let airport = places.airports.iter().find(|airport| airport.iata.as_str() == "CDG").unwrap();
    let paris = DemoStation { airport, zone: time_zones::find("Europe/Paris").unwrap().rules };
    let departure = |text: &str| {
        let ready = paris.instant(text.parse().unwrap()).unwrap();
        paris.time(paris.departure(ready).unwrap()).unwrap().local.to_string()
    };
    assert_eq!(departure("2026-12-01T05:55"), "2026-12-01T06:00");
    assert_eq!(departure("2026-12-01T12:00"), "2026-12-01T12:00");
    assert_eq!(departure("2026-12-01T23:05"), "2026-12-02T06:00");
}
