//! What clocks of airports show, by value: computed with another implementation (Python's `zoneinfo`) from release 2026f
//! of the time-zone database. Release 2025b has 23 of these instants an hour earlier or later: British Columbia,
//! Alberta, Manitoba and the Northwest Territories no longer change their clocks, Morocco
//! keeps UTC, and Cuba stays at UTC-4 in the winter of 2026.

use super::airports::DemoPlaces;
use chrono::{DateTime, Utc};
use shared::flight_time::FlightTime;
use std::collections::HashMap;

/// An airport, a time by its clocks, and the instant; of a time that clocks show twice the first.
const INSTANTS: [(&str, &str, &str); 66] = [
    ("YVR", "2026-11-02T06:00", "2026-11-02T13:00Z"),
    ("YVR", "2027-01-12T18:00", "2027-01-13T01:00Z"),
    ("YVR", "2027-07-12T18:00", "2027-07-13T01:00Z"),
    ("YYJ", "2027-01-12T18:00", "2027-01-13T01:00Z"),
    ("YLW", "2027-03-14T02:30", "2027-03-14T09:30Z"),
    ("YXS", "2027-02-01T09:15", "2027-02-01T16:15Z"),
    ("YYC", "2027-01-12T18:00", "2027-01-13T00:00Z"),
    ("YYC", "2027-03-14T02:30", "2027-03-14T08:30Z"),
    ("YEG", "2027-01-12T07:45", "2027-01-12T13:45Z"),
    ("YEV", "2027-12-24T12:00", "2027-12-24T18:00Z"),
    ("YZF", "2027-01-12T18:00", "2027-01-13T00:00Z"),
    ("YMM", "2027-11-30T23:50", "2027-12-01T05:50Z"),
    ("YWG", "2027-01-12T18:00", "2027-01-12T23:00Z"),
    ("YWG", "2027-11-07T01:30", "2027-11-07T06:30Z"),
    ("YBR", "2027-02-03T04:05", "2027-02-03T09:05Z"),
    ("CMN", "2027-01-12T18:00", "2027-01-12T18:00Z"),
    ("CMN", "2027-02-10T12:00", "2027-02-10T12:00Z"),
    ("CMN", "2027-07-12T18:00", "2027-07-12T18:00Z"),
    ("RAK", "2027-01-12T06:10", "2027-01-12T06:10Z"),
    ("AGA", "2027-10-31T10:00", "2027-10-31T10:00Z"),
    ("TNG", "2027-12-01T22:00", "2027-12-01T22:00Z"),
    ("FEZ", "2027-04-01T01:00", "2027-04-01T01:00Z"),
    ("HAV", "2026-11-02T06:00", "2026-11-02T10:00Z"),
    ("HAV", "2027-01-12T18:00", "2027-01-12T22:00Z"),
    ("HAV", "2027-07-12T18:00", "2027-07-12T22:00Z"),
    ("VRA", "2027-02-14T11:11", "2027-02-14T15:11Z"),
    ("CCC", "2027-03-10T00:30", "2027-03-10T04:30Z"),
    ("LHR", "2027-01-13T11:00", "2027-01-13T11:00Z"),
    ("LHR", "2027-07-12T06:00", "2027-07-12T05:00Z"),
    ("LHR", "2027-10-31T01:30", "2027-10-31T00:30Z"),
    ("CDG", "2026-10-25T02:30", "2026-10-25T00:30Z"),
    ("JFK", "2027-03-14T03:30", "2027-03-14T07:30Z"),
    ("LAX", "2027-11-07T01:59", "2027-11-07T08:59Z"),
    ("YYZ", "2027-01-12T18:00", "2027-01-12T23:00Z"),
    ("YQR", "2027-07-01T08:00", "2027-07-01T14:00Z"),
    ("YHZ", "2027-07-01T08:00", "2027-07-01T11:00Z"),
    ("YYT", "2027-07-01T08:00", "2027-07-01T10:30Z"),
    ("PHX", "2027-07-01T08:00", "2027-07-01T15:00Z"),
    ("HNL", "2027-01-01T00:00", "2027-01-01T10:00Z"),
    ("ANC", "2027-06-21T23:59", "2027-06-22T07:59Z"),
    ("MEX", "2027-05-01T10:00", "2027-05-01T16:00Z"),
    ("GRU", "2027-01-15T10:00", "2027-01-15T13:00Z"),
    ("EZE", "2027-01-15T10:00", "2027-01-15T13:00Z"),
    ("SCL", "2027-07-15T10:00", "2027-07-15T14:00Z"),
    ("DUB", "2027-07-12T06:00", "2027-07-12T05:00Z"),
    ("KEF", "2027-07-12T06:00", "2027-07-12T06:00Z"),
    ("IST", "2027-01-12T18:00", "2027-01-12T15:00Z"),
    ("CAI", "2027-07-15T18:00", "2027-07-15T15:00Z"),
    ("JNB", "2027-07-15T18:00", "2027-07-15T16:00Z"),
    ("DXB", "2027-07-15T18:00", "2027-07-15T14:00Z"),
    ("IKA", "2027-07-15T18:00", "2027-07-15T14:30Z"),
    ("DEL", "2027-07-15T18:00", "2027-07-15T12:30Z"),
    ("KTM", "2027-07-15T18:00", "2027-07-15T12:15Z"),
    ("ALA", "2027-07-15T18:00", "2027-07-15T13:00Z"),
    ("PVG", "2027-07-15T18:00", "2027-07-15T10:00Z"),
    ("HND", "2027-07-15T18:00", "2027-07-15T09:00Z"),
    ("ADL", "2027-01-15T18:00", "2027-01-15T07:30Z"),
    ("SYD", "2027-04-04T02:30", "2027-04-03T15:30Z"),
    ("PER", "2027-01-15T18:00", "2027-01-15T10:00Z"),
    ("LDH", "2027-01-15T18:00", "2027-01-15T07:00Z"),
    ("AKL", "2027-01-15T18:00", "2027-01-15T05:00Z"),
    ("CHT", "2027-01-15T18:00", "2027-01-15T04:15Z"),
    ("APW", "2027-03-10T08:00", "2027-03-09T19:00Z"),
    ("PPG", "2027-03-09T08:35", "2027-03-09T19:35Z"),
    ("CXI", "2027-01-01T00:00", "2026-12-31T10:00Z"),
    ("TBU", "2027-01-01T00:00", "2026-12-31T11:00Z"),
];

#[test]
fn clocks_of_airports_follow_the_newest_rules() {
    let places = DemoPlaces::read().unwrap();
    let zones: HashMap<&str, &str> =
        places.airports.iter().map(|airport| (airport.iata.as_str(), airport.time_zone.as_str())).collect();
    let mut wrong = Vec::new();
    for (airport, local, instant) in INSTANTS {
        let time = FlightTime::from_local(local.parse().unwrap(), zones[airport]).unwrap();
        let expected: DateTime<Utc> = instant.replace('Z', ":00Z").parse().unwrap();
        if time.at != expected {
            wrong.push(format!("{airport} {local} is {}, not {instant}", time.at));
        }
        assert_eq!(
            FlightTime::from_instant(expected, zones[airport]).unwrap().local.to_string(),
            local,
            "{airport}"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
