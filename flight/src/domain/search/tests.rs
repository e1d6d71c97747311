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
const AIRPORTS: [(&str, &str, &str, &str); 7] = [
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

fn rules() -> SearchRules {
    SearchRules::of(Currency::EUR)
}

fn station(place: usize) -> Arc<Station> {
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

fn index_of(network: &Network) -> Index {
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

fn whole<'a>(index: &'a Index, query: &Query, now: DateTime<Utc>) -> Vec<Journey<'a>> {
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

/// A flight between airports of [`AIRPORTS`] that leaves at a local time.
fn local_flight((from, to): (usize, usize), departure: &str, minutes: i64) -> (Flight, TakenSeats) {
    let mut made = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
    (made.origin, made.destination) = (station(from), station(to));
    made.departure = FlightTime::from_local(code(departure), &made.origin.time_zone).unwrap();
    let arrives = made.departure.at + TimeDelta::minutes(minutes);
    made.arrival = FlightTime::from_instant(arrives, &made.destination.time_zone).unwrap();
    (made, TakenSeats::default())
}

fn slice(origin: &str, destination: &str, date: NaiveDate) -> Slice {
    Slice { origin: code(origin), destination: code(destination), date }
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
