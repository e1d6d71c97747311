//! Connections against the crate `vulture`, an implementation of RAPTOR: the same network, the same questions, and the
//! same Pareto sets by arrival and connections.
//!
//! Both are asked for all ways to leave on a day (RAPTOR: a range query over the departures of the day). Ours answers
//! more: prices, seats, and the itineraries that are cheaper but slower. RAPTOR's range query drops itineraries with fewer
//! connections than a later one, so the sets are compared with those of its simpler query, the best arrivals from the
//! first departure of the day on; its time is told, too.
//!
//! RAPTOR knows no end of a day, and also waits at the origin for a flight of the next day. So what ours finds for the
//! next day takes part in the comparison of the sets, but not in the time.

use super::{durations::Durations, flight_bench::FlightBench, questions};
use crate::report::{self, ResultLine, rounded};
use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use flight::domain::{
    flight::Flight,
    search::{Journey, Query, SearchRules, search},
    timetable::Timetable,
};
use serde_json::json;
use shared::{iata::AirportCode, money::Currency};
use std::collections::{BTreeMap, HashMap};
use vulture::{Duration, RaptorCache, RouteIdx, SecondOfDay, StopIdx, Timetable as RaptorTimetable, TripIdx};

/// The connecting time of all airports here. RAPTOR knows none at a stop, so its arrivals are later by this, and what it
/// tells of them is put right.
const CONNECTION_MINUTES: u16 = 60;
/// Longer layovers than here RAPTOR finds, too, but they never are the best with daily flights.
const MAX_LAYOVER: TimeDelta = TimeDelta::hours(49);

/// Arrival (seconds since the base) and connections of an itinerary.
type Shape = (u32, usize);

/// A question without its time of departure.
type RaptorQuery<'a> = vulture::Query<'a, RaptorNetwork, vulture::ArrivalTime>;

/// A flight of RAPTOR.
struct Trip {
    departs: u32,
    arrives: u32,
}

/// The network as RAPTOR reads it: a route for each pair of airports, its trips by departure, all in arrays.
struct RaptorNetwork {
    base: DateTime<Utc>,
    stops: HashMap<AirportCode, StopIdx>,
    routes: Vec<[StopIdx; 2]>,
    routes_of_stop: Vec<Vec<(RouteIdx, u32)>>,
    trips: Vec<Trip>,
    /// The first trip of each route, and the end.
    first_trips: Vec<usize>,
}

impl RaptorNetwork {
    fn new(base: DateTime<Utc>, flights: &[Flight]) -> Self {
        let mut stops: HashMap<AirportCode, StopIdx> = HashMap::new();
        let mut by_route: BTreeMap<(u32, u32), Vec<Trip>> = BTreeMap::new();
        for flight in flights {
            let [from, to] = [&flight.origin, &flight.destination].map(|station| {
                let next = StopIdx::new(u32::try_from(stops.len()).unwrap_or(0));
                *stops.entry(station.iata.clone()).or_insert(next)
            });
            let departs = seconds(base, flight.departure.at);
            let arrives = seconds(base, flight.arrival.at) + u32::from(CONNECTION_MINUTES) * 60;
            by_route.entry((from.get(), to.get())).or_default().push(Trip { departs, arrives });
        }
        let mut routes_of_stop = vec![Vec::new(); stops.len()];
        let (mut routes, mut trips, mut first_trips) = (Vec::new(), Vec::new(), vec![0]);
        for ((from, to), mut of_route) in by_route {
            let route = RouteIdx::new(u32::try_from(routes.len()).unwrap_or(0));
            for (position, stop) in [(0, from), (1, to)] {
                routes_of_stop[stop as usize].push((route, position));
            }
            routes.push([StopIdx::new(from), StopIdx::new(to)]);
            of_route.sort_by_key(|trip| trip.departs);
            trips.extend(of_route);
            first_trips.push(trips.len());
        }
        Self { base, stops, routes, routes_of_stop, trips, first_trips }
    }

    /// The question for RAPTOR, without the time of departure; `None` where it does not know the places.
    fn question(&self, query: &Query, connections: usize) -> Option<RaptorQuery<'_>> {
        let slice = &query.slices[0];
        let (from, to) = (self.stops.get(&slice.origin)?, self.stops.get(&slice.destination)?);
        // It counts flights.
        let flights = u8::try_from(connections + 1).ok()?;
        let asked = self.query().from(&[(*from, Duration::ZERO)]).to(&[(*to, Duration::ZERO)]);
        Some(asked.max_transfers(flights))
    }

    fn trips_of(&self, route: RouteIdx) -> (usize, &[Trip]) {
        let route = route.get() as usize;
        let (start, end) = (self.first_trips[route], self.first_trips[route + 1]);
        (start, &self.trips[start..end])
    }
}

impl RaptorTimetable for RaptorNetwork {
    fn n_stops(&self) -> usize {
        self.stops.len()
    }

    fn n_routes(&self) -> usize {
        self.routes.len()
    }

    fn get_routes_serving_stop(&self, stop: StopIdx) -> &[(RouteIdx, u32)] {
        &self.routes_of_stop[stop.get() as usize]
    }

    fn get_stops_after(&self, route: RouteIdx, pos: u32) -> &[StopIdx] {
        &self.routes[route.get() as usize][pos as usize..]
    }

    fn stop_at(&self, route: RouteIdx, pos: u32) -> StopIdx {
        self.routes[route.get() as usize][pos as usize]
    }

    fn get_earliest_trip(&self, route: RouteIdx, at: SecondOfDay, pos: u32) -> Option<TripIdx> {
        let (start, trips) = self.trips_of(route);
        let place = trips.partition_point(|trip| trip.departs < at.as_secs());
        let is_there = pos == 0 && place < trips.len();
        is_there.then(|| TripIdx::new(u32::try_from(start + place).unwrap_or(0)))
    }

    fn get_arrival_time(&self, trip: TripIdx, pos: u32) -> SecondOfDay {
        let trip = &self.trips[trip.get() as usize];
        SecondOfDay(if pos == 0 { trip.departs } else { trip.arrives })
    }

    fn get_departure_time(&self, trip: TripIdx, pos: u32) -> SecondOfDay {
        self.get_arrival_time(trip, pos)
    }

    fn get_footpaths_from(&self, _: StopIdx) -> &[StopIdx] {
        &[]
    }

    fn footpaths_are_transitively_closed(&self) -> bool {
        true
    }
}

fn seconds(base: DateTime<Utc>, at: DateTime<Utc>) -> u32 {
    u32::try_from((at - base).num_seconds()).unwrap_or(0)
}

/// Measures both.
///
/// # Errors
/// Where the two find different sets.
pub fn measure(bench: &FlightBench) -> anyhow::Result<Vec<ResultLine>> {
    let flights: Vec<Flight> = bench.network.flights(bench.first, bench.options.days()).collect();
    let mut timetable = Timetable::default();
    for flight in &flights {
        timetable.put(flight);
    }
    let codes = bench.network.stations.iter().map(|station| (station.iata.clone(), CONNECTION_MINUTES));
    timetable.put_min_connections(codes.collect());
    let base = flights.iter().map(|flight| flight.departure.at).min().unwrap_or_default();
    let raptor = RaptorNetwork::new(base, &flights);
    drop(flights);
    let mut lines = Vec::new();
    for (what, connections) in [("raptor_one", 1), ("raptor_two", 2)] {
        lines.push(compare(bench, (&timetable, &raptor), what, connections)?);
    }
    Ok(lines)
}

fn compare(
    bench: &FlightBench,
    (timetable, raptor): (&Timetable, &RaptorNetwork),
    what: &str,
    connections: usize,
) -> anyhow::Result<ResultLine> {
    let asked = (bench.first, bench.options.days());
    let queries = questions::queries(&bench.network, asked, connections, bench.options.questions() / 2);
    let rules = SearchRules { max_layover: MAX_LAYOVER, ..SearchRules::of(Currency::EUR) };
    let (index, now) = (timetable.index(), Utc::now());
    let mut cache = RaptorCache::for_timetable(raptor);
    let (mut ours, mut theirs, mut single) =
        (Durations::default(), Durations::default(), Durations::default());
    let mut shapes = 0;
    for query in &queries {
        let found = ours.of(|| search(index, (query, &rules), now, None, usize::MAX));
        let next_day = next_day(query).context("a day too far")?;
        let found_next = search(index, (&next_day, &rules), now, None, usize::MAX);
        let our_shapes = pareto(found.iter().chain(&found_next).filter_map(|one| shape_of(raptor.base, one)));
        let departures = departures(timetable, query, raptor.base);
        let first = departures.iter().min().copied().context("nothing leaves on that day")?;
        let asked = || raptor.question(query, connections).context("a place that RAPTOR does not know");
        let (asked, asked_again) = (asked()?, asked()?);
        let found = single.of(|| asked.depart_at(first).run_with_cache(&mut cache));
        let their_shapes = pareto(found.iter().map(raptor_shape));
        ensure!(
            our_shapes == their_shapes,
            "different sets for {:?}: {our_shapes:?} and {their_shapes:?}",
            query.slices
        );
        theirs.of(|| asked_again.depart_in_window(departures).run_with_cache(&mut cache));
        shapes += our_shapes.len();
    }
    let (mine, reference) = (ours.micros(50), theirs.micros(50));
    let mut line = ResultLine {
        what: what.to_owned(),
        ours: Some(mine),
        baseline: Some(reference),
        unit: "µs a question, half of them; the ratio is how often faster",
        ratio: report::ratio(theirs.seconds(), ours.seconds()),
        ..ResultLine::default()
    };
    line.more.insert("questions".to_owned(), json!(queries.len()));
    line.more.insert("equal_pareto_sets".to_owned(), json!(true));
    line.more.insert("itineraries".to_owned(), json!(shapes));
    line.more
        .insert("one_departure_ratio".to_owned(), json!(report::ratio(single.seconds(), ours.seconds())));
    line.more.insert("p99_micros".to_owned(), json!(rounded(ours.micros(99))));
    line.more.insert("p99_micros_of_raptor".to_owned(), json!(rounded(theirs.micros(99))));
    Ok(line)
}

fn shape_of(base: DateTime<Utc>, journey: &Journey<'_>) -> Option<Shape> {
    let flights = journey.flights().count();
    Some((seconds(base, journey.flights().last()?.arrives_at()), flights - 1))
}

fn raptor_shape(journey: &vulture::Journey) -> Shape {
    let wait = u32::from(CONNECTION_MINUTES) * 60;
    (journey.arrival().as_secs() - wait, journey.plan.len() - 1)
}

/// The same question for the day after.
fn next_day(query: &Query) -> Option<Query> {
    let mut slice = query.slices[0].clone();
    slice.date = slice.date.succ_opt()?;
    Some(Query { slices: vec![slice], ..query.clone() })
}

/// When flights leave the origin on the day.
fn departures(timetable: &Timetable, query: &Query, base: DateTime<Utc>) -> Vec<SecondOfDay> {
    let slice = &query.slices[0];
    let index = timetable.index();
    let origin = index.airports().id(&slice.origin);
    let legs = origin.and_then(|origin| index.outbound(origin));
    let day = flight::domain::timetable::day_number(slice.date);
    let noon = i64::from(day) * flight::domain::timetable::DAY_MICROS;
    let of_day =
        legs.into_iter().flat_map(|legs| legs.between(noon - 86_400_000_000, noon + 2 * 86_400_000_000));
    let of_day = of_day.filter(|leg| leg.local_day == day);
    of_day.map(|leg| SecondOfDay(seconds(base, leg.flight.departs_at()))).collect()
}

/// The shapes that no other one is better than: earlier, with fewer connections. Sorted, each once.
fn pareto(shapes: impl Iterator<Item = Shape>) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = shapes.collect();
    shapes.sort_unstable();
    let mut fewest = usize::MAX;
    // By arrival: each that stays has fewer connections than all before it.
    shapes.retain(|(_, connections)| {
        let is_better = *connections < fewest;
        fewest = fewest.min(*connections);
        is_better
    });
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_is_better_than_stays() {
        let all = [(9, 1), (9, 0), (8, 2), (5, 2), (6, 1), (6, 1), (10, 0)];
        assert_eq!(pareto(all.into_iter()), [(5, 2), (6, 1), (9, 0)]);
    }
}
