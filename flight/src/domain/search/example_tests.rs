//! What a search must find, by example.

use super::{
    Journey, Query, Sort,
    reference::{self, Network},
    tests::{index_of, rules, slice, station, whole},
};
use crate::domain::{
    availability::TakenSeats,
    flight::Flight,
    sample::{code, date, flight},
};
use chrono::{NaiveDate, TimeDelta};
use shared::flight_time::FlightTime;

/// A flight between airports of [`AIRPORTS`] that leaves at a local time.
fn local_flight((from, to): (usize, usize), departure: &str, minutes: i64) -> (Flight, TakenSeats) {
    let mut made = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
    (made.origin, made.destination) = (station(from), station(to));
    made.departure = FlightTime::from_local(code(departure), &made.origin.time_zone).unwrap();
    let arrives = made.departure.at + TimeDelta::minutes(minutes);
    made.arrival = FlightTime::from_instant(arrives, &made.destination.time_zone).unwrap();
    (made, TakenSeats::default())
}

/// The departures of the slices of each journey.
fn departures(flights: Vec<(Flight, TakenSeats)>, query: &Query) -> Vec<Vec<String>> {
    let network = Network { flights, ..Network::default() };
    let (index, now) = (index_of(&network), "2027-01-01T00:00:00Z".parse().unwrap());
    let found = whole(&index, query, now);
    let times = |journey: &Journey<'_>| {
        let first = journey.slices.iter().map(|slice| slice.flights()[0].departs_at());
        first.map(|at| at.format("%d %H:%M").to_string()).collect()
    };
    let found: Vec<Vec<String>> = found.iter().map(times).collect();
    let slow = reference::journeys(&network, (query, &rules(), now));
    assert_eq!(found.len(), slow.len());
    found
}

#[test]
fn across_the_date_line_a_way_back_leaves_on_the_day_before_or_two_days_later() {
    // Kiritimati is 25 hours ahead of Apia's other side, and 21 ahead of Los Angeles in April.
    let out = local_flight((2, 0), "2027-04-10T08:00", 600);
    let back = local_flight((0, 2), "2027-04-09T23:00", 600);
    let mut query = Query::of_one_adult(slice("CXI", "QLA", date("2027-04-10")), None);
    query.slices.push(slice("QLA", "CXI", date("2027-04-09")));
    assert_eq!(
        departures(vec![out.clone(), back], &query),
        [["09 18:00", "10 06:00"]],
        "on the calendar day before"
    );
    let early = local_flight((0, 2), "2027-04-09T20:00", 600);
    assert_eq!(departures(vec![out, early], &query), Vec::<Vec<String>>::new(), "before it has arrived");

    // Westwards it lands two days later: a way back on the next calendar day is too early.
    let out = local_flight((0, 2), "2027-04-09T23:00", 600);
    let [next_day, two_days] =
        ["2027-04-10T23:30", "2027-04-11T12:00"].map(|at| local_flight((2, 0), at, 600));
    query.slices = vec![slice("QLA", "CXI", date("2027-04-09")), slice("CXI", "QLA", date("2027-04-10"))];
    assert_eq!(departures(vec![out.clone(), next_day], &query), Vec::<Vec<String>>::new());
    query.slices[1].date = date("2027-04-11");
    assert_eq!(departures(vec![out, two_days], &query), [["10 06:00", "10 22:00"]]);
}

#[test]
fn connections_take_their_time_and_change_no_airport() {
    let first = local_flight((4, 5), "2027-04-10T08:00", 120);
    let mut query = Query::of_one_adult(slice("LAX", "BOM", date("2027-04-09")), None);
    // 18:00 in Delhi: domestic flights there are international ones before, so 60 minutes; 90 to Adelaide.
    let arrival = local_flight((0, 4), "2027-04-09T20:00", 570);
    for (to, destination, departure, found) in
        [(5, "BOM", "18:59", 0), (5, "BOM", "19:00", 1), (6, "ADL", "19:29", 0), (6, "ADL", "19:30", 1)]
    {
        query.slices[0].destination = code(destination);
        let next = local_flight((4, to), &format!("2027-04-10T{departure}"), 120);
        assert_eq!(departures(vec![arrival.clone(), next], &query).len(), found, "{departure}");
    }
    query = Query::of_one_adult(slice("DEL", "LAX", date("2027-04-10")), None);
    // Domestic to international: 60 minutes.
    for (departure, found) in [("10:59", 0), ("11:00", 1)] {
        let next = local_flight((5, 0), &format!("2027-04-10T{departure}"), 900);
        assert_eq!(departures(vec![first.clone(), next], &query).len(), found, "{departure}");
    }
    for (departure, found) in [("2027-04-11T10:00", 1), ("2027-04-11T10:01", 0)] {
        let next = local_flight((5, 0), departure, 900);
        assert_eq!(departures(vec![first.clone(), next], &query).len(), found, "{departure}");
    }
    let arrives = local_flight((4, 0), "2027-04-10T08:00", 900);
    let other_airport = local_flight((1, 6), "2027-04-10T12:00", 900);
    query.slices = vec![slice("DEL", "ADL", date("2027-04-10"))];
    assert!(departures(vec![arrives, other_airport], &query).is_empty(), "LAX and BUR are of one city only");
    query.slices = vec![slice("LAX", "DEL", date("2027-04-10"))];
    let round = [local_flight((0, 4), "2027-04-10T01:00", 60), local_flight((0, 1), "2027-04-10T01:00", 60)];
    let round = round.into_iter().chain([local_flight((1, 4), "2027-04-10T03:00", 30)]).collect();
    assert_eq!(departures(round, &query).len(), 1, "a hop within the city of the origin leads nowhere");
}

#[test]
fn a_search_with_too_many_ways_stays_bounded_and_right() {
    // Six slices of 30 flights each, none better than another: 30^6 ways.
    let mut flights = Vec::new();
    for day in 10..16 {
        let ends = if day % 2 == 0 { (4, 5) } else { (5, 4) };
        for number in 0..30 {
            let mut made = local_flight(
                ends,
                &format!("2027-04-{day}T{:02}:{:02}", 6 + number / 6, number % 6 * 10),
                120,
            );
            for fare in &mut made.0.fares {
                fare.base_price.minor += 1000 - 10 * number;
            }
            flights.push(made);
        }
    }
    let ends = |day: u32| if day.is_multiple_of(2) { ("DEL", "BOM") } else { ("BOM", "DEL") };
    let on = |day: u32| slice(ends(day).0, ends(day).1, NaiveDate::from_ymd_opt(2027, 4, day).unwrap());
    let mut query = Query::of_one_adult(on(10), None);
    query.slices = (10..16).map(on).collect();
    query.max_connections = 2;
    let network = Network { flights, ..Network::default() };
    let index = index_of(&network);
    let now = "2027-01-01T00:00:00Z".parse().unwrap();
    let found = whole(&index, &query, now);
    assert_eq!(found.len(), 6_usize.pow(6));
    let cheapest: i64 = (10..16)
        .map(|day| {
            let mut one = query.clone();
            one.slices = vec![on(day)];
            reference::journeys(&network, (&one, &rules(), now))[0].offers[0].total.minor
        })
        .sum();
    assert_eq!(found[0].rank().0, cheapest, "the best of each slice are among those that are taken");
}

#[test]
fn a_journey_is_found_where_the_best_of_the_slices_do_not_fit_together() {
    // The cheapest flights of both slices overlap; only the dearest way out arrives in time.
    let mut flights = Vec::new();
    for number in 0..300_i64 {
        let mut out = local_flight((4, 5), "2027-04-10T12:00", 120);
        out.0.fares.truncate(1);
        out.0.fares[0].base_price.minor = 1000 + number;
        // Later and dearer, shorter: none dominates another.
        let departs = out.0.departure.at + TimeDelta::minutes(number);
        out.0.departure = FlightTime::from_instant(departs, "Asia/Kolkata").unwrap();
        out.0.arrival = FlightTime::from_instant(departs + TimeDelta::minutes(30), "Asia/Kolkata").unwrap();
        flights.push(out);
    }
    let mut early = local_flight((4, 5), "2027-04-10T08:00", 120);
    early.0.fares.truncate(1);
    early.0.fares[0].base_price.minor = 90_000;
    flights.push(early);
    flights.push(local_flight((5, 4), "2027-04-10T11:00", 120));
    let mut query = Query::of_one_adult(slice("DEL", "BOM", date("2027-04-10")), None);
    query.slices.push(slice("BOM", "DEL", date("2027-04-10")));
    assert_eq!(departures(flights, &query), [["10 02:30", "10 05:30"]]);
}

/// Three slices of 45 flights each, the next one always 10 minutes longer and 5.00 cheaper: none dominates another.
fn slow_and_cheap(sort: Sort) -> (Network, Query) {
    let mut flights = Vec::new();
    let mut query = Query::of_one_adult(slice("DEL", "BOM", date("2027-04-10")), None);
    query.slices.push(slice("BOM", "DEL", date("2027-04-12")));
    query.slices.push(slice("DEL", "BOM", date("2027-04-14")));
    query.sort = sort;
    for (ends, day) in [((4, 5), 10), ((5, 4), 12), ((4, 5), 14)] {
        for number in 0..45_i64 {
            let mut made = local_flight(ends, &format!("2027-04-{day}T08:00"), 60 + 10 * number);
            made.0.fares.truncate(1);
            made.0.fares[0].base_price.minor = 100_000 - 500 * number;
            flights.push(made);
        }
    }
    (Network { flights, ..Network::default() }, query)
}

#[test]
fn a_highest_price_finds_what_the_order_would_cut_off() {
    let now = "2027-01-01T00:00:00Z".parse().unwrap();
    for sort in [Sort::Duration, Sort::Departure, Sort::Best, Sort::Price] {
        let (network, mut query) = slow_and_cheap(sort);
        let index = index_of(&network);
        query.sort = Sort::Price;
        let cheapest = whole(&index, &query, now)[0].rank().0;
        query.sort = sort;
        let found = |most: i64| {
            let query = Query { max_price: Some(most), ..query.clone() };
            whole(&index, &query, now).len()
        };
        assert_eq!(found(cheapest), 1, "{sort:?}");
        assert_eq!(found(cheapest - 1), 0, "{sort:?}");
        assert!(found(cheapest + 2000) > 1, "{sort:?}");
    }
}

#[test]
fn sales_end_45_minutes_before_the_departure() {
    let network =
        Network { flights: vec![local_flight((4, 5), "2027-04-10T08:00", 120)], ..Network::default() };
    let index = index_of(&network);
    let query = Query::of_one_adult(slice("DEL", "BOM", date("2027-04-10")), None);
    let found = |now: &str| whole(&index, &query, now.parse().unwrap()).len();
    assert_eq!((found("2027-04-10T01:44:59Z"), found("2027-04-10T01:45:00Z")), (1, 0));
}
