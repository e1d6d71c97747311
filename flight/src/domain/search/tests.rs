//! The search against the slow one, and what both must find.

use super::{
    Itinerary, Journey, Party, Query, Rank, SearchRules, Slice, Sort, page, price_calendar,
    reference::{self, Network},
    search,
};
use crate::domain::{
    availability::TakenSeats,
    flight::Flight,
    sample::{code, date, flight},
    timetable::{Index, Timetable},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;
use shared::{
    events::{Carrier, CitySummary, FlightStatus, Station},
    flight_time::FlightTime,
    money::{Currency, Money},
};
use std::sync::Arc;

/// Airports with their cities, countries and zones: both sides of the date line, half hours, a city of two airports.
pub(super) const AIRPORTS: [(&str, &str, &str, &str); 7] = [
    ("LAX", "QLA", "US", "America/Los_Angeles"),
    ("BUR", "QLA", "US", "America/Los_Angeles"),
    ("CXI", "CXI", "KI", "Pacific/Kiritimati"),
    ("APW", "APW", "WS", "Pacific/Apia"),
    ("DEL", "DEL", "IN", "Asia/Kolkata"),
    ("BOM", "BOM", "IN", "Asia/Kolkata"),
    ("ADL", "ADL", "AU", "Australia/Adelaide"),
];

/// The first of the flights; Adelaide puts its clocks back the day after.
fn start() -> DateTime<Utc> {
    "2027-04-03T00:00:00Z".parse().unwrap()
}

pub(super) fn rules() -> SearchRules {
    SearchRules::of(Currency::EUR)
}

pub(super) fn station(place: usize) -> Arc<Station> {
    let (iata, city, country, time_zone) = AIRPORTS[place];
    let name = format!("\"{iata}\" é");
    let city = CitySummary { code: code(city), name: "City".to_owned() };
    Arc::new(Station {
        iata: code(iata),
        name,
        city,
        country: code(country),
        time_zone: time_zone.to_owned(),
    })
}

pub(super) fn index_of(network: &Network) -> Index {
    let mut timetable = Timetable::default();
    timetable.put_min_connections(network.min_connections.clone());
    for (flight, taken) in &network.flights {
        timetable.put(flight);
        timetable.put_seats(flight.id, taken.clone());
    }
    timetable.index().clone()
}

fn arbitrary_flight() -> impl Strategy<Value = (Flight, TakenSeats)> {
    // Most of them between a few airports, so that many connect.
    let end = || prop::sample::select(vec![0_usize, 0, 0, 1, 2, 2, 3, 3, 4, 5, 6]);
    let times = (0_i64..220, prop::sample::select(vec![30_i64, 55, 60, 100, 180, 300, 620]), 0_i64..50);
    let money = (
        prop::sample::select(vec![5_000_i64, 10_000, 10_001, 20_000]),
        0_usize..14,
        prop::option::of(0_i64..3000),
    );
    let seats = prop_oneof![4 => 0_usize..12, 1 => 0_usize..49];
    let state = (seats, 0_u8..20, prop::bool::weighted(0.2));
    (end(), end(), times, money, state).prop_map(
        |(from, to, (quarter, minutes, second), (base, sold, tax), state)| {
            let (taken, status, other_airline) = state;
            let to = if from == to { (to + 2) % AIRPORTS.len() } else { to };
            let mut made = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
            (made.origin, made.destination) = (station(from), station(to));
            // Some leave within a minute.
            let departs = start()
                + TimeDelta::minutes(quarter * 15)
                + TimeDelta::seconds(if second == 0 { 30 } else { 0 });
            made.departure = FlightTime::from_instant(departs, &made.origin.time_zone).unwrap();
            let arrives = departs + TimeDelta::minutes(minutes);
            made.arrival = FlightTime::from_instant(arrives, &made.destination.time_zone).unwrap();
            for fare in &mut made.fares {
                fare.base_price.minor += base;
            }
            match sold {
                0 => made.fares.truncate(1),
                1 => made.fares.truncate(2),
                2 => made.fares[0].base_price.currency = "USD".parse().unwrap(),
                _ => {}
            }
            made.departure_tax = tax.map(|minor| Money::new(minor, Currency::EUR));
            match status {
                0 => made.status = FlightStatus::Cancelled,
                1 => (made.status, made.reason) = (FlightStatus::Delayed, Some("Fog".to_owned())),
                _ => {}
            }
            if other_airline {
                made.airline = Arc::new(Carrier {
                    code: code("ZZ"),
                    name: "ZZ".to_owned(),
                    accounting_code: code("998"),
                });
            }
            let seats = made.equipment.plan.seats().map(|(seat, _)| seat.to_number()).take(taken).collect();
            (made, TakenSeats { version: 1, seats })
        },
    )
}

fn network(most: usize) -> impl Strategy<Value = Network> {
    let connections = prop::collection::hash_map(0..AIRPORTS.len(), 0_u16..150, 0..3);
    (prop::collection::vec(arbitrary_flight(), most / 4..most), connections).prop_map(
        |(flights, connections)| {
            let min_connections =
                connections.into_iter().map(|(place, minutes)| (code(AIRPORTS[place].0), minutes)).collect();
            Network { flights, min_connections }
        },
    )
}

/// Slices that begin with flights of the network and end with others: most can be travelled.
fn slices_of(network: &Network, picks: &[(prop::sample::Index, prop::sample::Index, u8)]) -> Vec<Slice> {
    let mut slices: Vec<Slice> = Vec::new();
    let mut since = start() - TimeDelta::days(1);
    for (first, last, place) in picks {
        let from = slices.last().map(|slice| slice.destination.clone());
        let goes_on = |flight: &Flight| {
            let here = from.as_ref().is_none_or(|from| {
                [flight.origin.iata.as_str(), flight.origin.city.code.as_str()].contains(&from.as_str())
            });
            here && flight.departure.at > since
        };
        let firsts: Vec<&Flight> =
            network.flights.iter().map(|(flight, _)| flight).filter(|flight| goes_on(flight)).collect();
        let lasts: Vec<&Flight> = network
            .flights
            .iter()
            .map(|(flight, _)| flight)
            .filter(|flight| flight.departure.at >= since)
            .collect();
        if firsts.is_empty() || lasts.is_empty() {
            break;
        }
        let (first, last) = (*first.get(&firsts), *last.get(&lasts));
        // An airport, its city, or the first of the airports again.
        let name = |station: &Station, city: bool| {
            if city { code(station.city.code.as_str()) } else { station.iata.clone() }
        };
        let origin = from.unwrap_or_else(|| name(&first.origin, place % 2 == 0));
        let destination = name(&last.destination, place % 3 == 0);
        if origin == destination {
            break;
        }
        slices.push(Slice { origin, destination, date: first.departure.local.date() });
        since = first.arrival.at;
    }
    if slices.is_empty() {
        slices.push(slice("QLA", "CXI", start().date_naive()));
    }
    slices
}

fn network_and_query(most_flights: usize, most_slices: usize) -> impl Strategy<Value = (Network, Query)> {
    let party = prop::sample::select(vec![(1, 0, 0), (1, 0, 0), (1, 0, 0), (2, 1, 1), (1, 1, 1), (9, 0, 9)]);
    let pick = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>());
    let picks = prop::collection::vec(pick, 1..=most_slices);
    let sort = prop::sample::select(vec![Sort::Price, Sort::Duration, Sort::Departure, Sort::Best]);
    let filters = (
        prop::option::weighted(0.08, prop::sample::select(vec!["AE", "ZZ"])),
        prop::option::weighted(0.1, prop::sample::select(vec!["LAX", "QLA", "CXI", "APW"])),
        prop::option::weighted(0.08, prop::sample::select(vec!["03:30", "10:00", "12:00"])),
        prop::option::weighted(0.08, prop::sample::select(vec!["12:00", "18:00", "23:45"])),
        prop::option::weighted(0.08, 60_u32..3000),
        prop::option::weighted(0.08, 5_000_i64..90_000),
        prop::option::weighted(0.15, prop::sample::select(shared::seat::Cabin::ALL.to_vec())),
    );
    let connections = prop::sample::select(vec![0_usize, 1, 1, 2, 2, 2]);
    (network(most_flights), picks, party, sort, connections, filters).prop_map(
        |(network, picks, (adults, children, infants), sort, max_connections, filters)| {
            let (airline, via, after, before, max_duration, max_price, cabin) = filters;
            let slices = slices_of(&network, &picks);
            let query = Query {
                slices,
                party: Party { adults, children, infants },
                cabin,
                max_connections,
                sort,
                airline: airline.map(code),
                via: via.map(code),
                depart_after: after.map(code),
                depart_before: before.map(code),
                max_duration,
                max_price,
            };
            (network, query)
        },
    )
}

pub(super) fn whole<'a>(index: &'a Index, query: &Query, now: DateTime<Utc>) -> Vec<Journey<'a>> {
    search(index, (query, &rules()), now, None, usize::MAX)
}

/// A page as a client reads it.
fn shown(journeys: &[Journey<'_>], query: &Query, now: DateTime<Utc>) -> Vec<serde_json::Value> {
    let answer: serde_json::Value =
        serde_json::from_slice(&page(journeys, None, (query, &rules()), now)).expect("good JSON");
    assert!(answer["page"]["next"].is_null());
    answer["data"].as_array().expect("a list").clone()
}

fn expected(network: &Network, query: &Query, now: DateTime<Utc>) -> Vec<serde_json::Value> {
    let found: Vec<Itinerary> = reference::journeys(network, (query, &rules(), now));
    found.iter().map(|one| serde_json::to_value(one).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_finds_what_the_slow_search_finds(
        (network, query) in network_and_query(120, 3),
        (days, hours) in (0_i64..25, 0_i64..24),
    ) {
        let now = start() - TimeDelta::days(days) + TimeDelta::hours(hours);
        let index = index_of(&network);
        let found = whole(&index, &query, now);
        prop_assert!(found.is_sorted_by(|one, other| one.rank() < other.rank()), "each has a place of its own");
        prop_assert_eq!(shown(&found, &query, now), expected(&network, &query, now));
    }

    #[test]
    fn pages_are_the_whole((network, query) in network_and_query(120, 2), size in 1_usize..4) {
        let (index, now) = (index_of(&network), start() - TimeDelta::days(9));
        let all: Vec<Rank> = whole(&index, &query, now).iter().map(Journey::rank).collect();
        let (mut paged, mut after): (Vec<Rank>, Option<Rank>) = (Vec::new(), None);
        loop {
            let next = search(&index, (&query, &rules()), now, after.as_ref(), size);
            prop_assert!(next.len() <= size);
            let Some(last) = next.last() else { break };
            after = Some(last.rank());
            paged.extend(next.iter().map(Journey::rank));
        }
        prop_assert_eq!(paged, all);
    }

    /// A flight that sells between two pages may move; all others stand on one page, and on one alone.
    #[test]
    fn sales_between_pages_move_only_what_sells(network in network(40), at in 0_usize..40, sold in 1_usize..48) {
        let slice = Slice { origin: code("QLA"), destination: code("DEL"), date: start().date_naive() };
        let mut query = Query::of_one_adult(slice, None);
        // Direct flights of one brand, none of which is better than another: nothing is dropped.
        query.max_connections = 0;
        let mut network = network;
        for (number, (flight, taken)) in network.flights.iter_mut().enumerate() {
            (flight.origin, flight.destination) = (station(0), station(4));
            let departs = start() + TimeDelta::minutes(8 * 60 + i64::try_from(number).unwrap());
            flight.departure = FlightTime::from_instant(departs, &flight.origin.time_zone).unwrap();
            let arrives = departs + TimeDelta::minutes(600 + 2 * i64::try_from(number).unwrap());
            flight.arrival = FlightTime::from_instant(arrives, &flight.destination.time_zone).unwrap();
            flight.status = FlightStatus::Scheduled;
            flight.fares.truncate(1);
            flight.fares[0].base_price = Money::new(10_000 - i64::try_from(number).unwrap() * 100, Currency::EUR);
            taken.seats.clear();
        }
        let now = start() - TimeDelta::days(40);
        query.slices[0].date = FlightTime::from_instant(start() + TimeDelta::hours(8), "America/Los_Angeles").unwrap().local.date();
        let before = index_of(&network);
        let ids = |journeys: &[Journey<'_>]| journeys.iter().map(|one| one.id().to_string()).collect::<Vec<_>>();
        let first = search(&before, (&query, &rules()), now, None, 5);
        prop_assert_eq!(first.len(), network.flights.len().min(5));
        let moved = network.flights.get(at).map(|(flight, _)| flight.id.to_string());
        if let Some((flight, taken)) = network.flights.get_mut(at) {
            let seats = flight.equipment.plan.seats().map(|(seat, _)| seat.to_number());
            *taken = TakenSeats { version: 2, seats: seats.skip(8).take(sold.min(30)).collect() };
        }
        let after = index_of(&network);
        let rest = first.last().map_or_else(Vec::new, |last| search(&after, (&query, &rules()), now, Some(&last.rank()), usize::MAX));
        let told = [ids(&first), ids(&rest)].concat();
        for (flight, _) in network.flights.iter().filter(|(flight, _)| Some(flight.id.to_string()) != moved) {
            prop_assert_eq!(told.iter().filter(|id| **id == flight.id.to_string()).count(), 1);
        }
    }

    #[test]
    fn the_calendar_has_the_cheapest_of_each_day(network in network(40), cabin in prop::option::of(prop::sample::select(shared::seat::Cabin::ALL.to_vec()))) {
        let (index, now) = (index_of(&network), start() - TimeDelta::days(9));
        let (from, to) = (code("QLA"), code("ADL"));
        let month = date("2027-04-01");
        let calendar = price_calendar(&index, (&from, &to), month, cabin, (&rules(), now));
        prop_assert_eq!(calendar.len(), 30);
        for (day, expected) in calendar.iter().zip(month.iter_days()) {
            prop_assert_eq!(day.date, expected);
            if network.flights.iter().all(|(flight, _)| flight.departure.local.date() != day.date) {
                prop_assert_eq!(day.price, None);
                continue;
            }
            let slice = Slice { origin: from.clone(), destination: to.clone(), date: day.date };
            let query = Query::of_one_adult(slice, cabin);
            let found = reference::journeys(&network, (&query, &rules(), now));
            prop_assert_eq!(day.price, found.first().map(|one| one.offers[0].total));
        }
    }
}

pub(super) fn slice(origin: &str, destination: &str, date: NaiveDate) -> Slice {
    Slice { origin: code(origin), destination: code(destination), date }
}
