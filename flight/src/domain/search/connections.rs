//! Finds the itineraries of a slice: a flight, or two or three that connect.

use super::query::{Query, SearchRules, Slice};
use crate::domain::timetable::{AirportId, AirportLegs, DAY_MICROS, Index, IndexedFlight, Leg, day_number};
use chrono::{DateTime, Utc};
use shared::flight_time::sales_close_at;
use std::sync::Arc;

/// Microseconds of a minute.
pub(super) const MINUTE_MICROS: i64 = 60_000_000;

/// The clocks of the earth are at most this far from UTC.
const EAST: i64 = 14 * 60 * MINUTE_MICROS;
const WEST: i64 = 12 * 60 * MINUTE_MICROS;

/// The shortest connections where the airport has none of its own, in minutes: between two domestic flights, between a
/// domestic and an international one, between two international ones.
const MIN_CONNECTIONS: [i64; 3] = [90, 60, 45];

/// The work that a search for connections may do, in flights that it looks at; its slices share it. A timetable of 1,500 flights a day takes
/// less than a tenth of it between the most connected places. The search ends where the work does: itineraries with two
/// connections come last, so that they are missed first.
const MOST_WORK: usize = 1_000_000;
/// The work of an itinerary that is found: it is priced and compared with others.
const FOUND_WORK: usize = 50;

/// A flight of an itinerary.
pub(super) type Segment<'a> = &'a Arc<IndexedFlight>;

/// A flight that may end a slice, with the city where it does.
#[derive(Clone, Copy)]
struct LastLeg<'a> {
    leg: &'a Leg,
    city: u16,
}

/// The flights that may end a slice, by the airport that they come from.
struct LastLegs<'a> {
    legs: Vec<LastLeg<'a>>,
    /// Where the legs of each airport are.
    ranges: Vec<(u32, u32)>,
}

impl<'a> LastLegs<'a> {
    fn new(airports: usize, mut legs: Vec<LastLeg<'a>>) -> Self {
        legs.sort_by_key(|end| (end.leg.other, end.leg.departs));
        let mut ranges = vec![(0, 0); airports];
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut start = 0;
        for group in legs.chunk_by(|one, other| one.leg.other == other.leg.other) {
            ranges[usize::from(group[0].leg.other)] = (place(start), place(start + group.len()));
            start += group.len();
        }
        Self { legs, ranges }
    }

    fn from(&self, airport: AirportId) -> &[LastLeg<'a>] {
        let (start, end) = self.ranges[usize::from(airport)];
        &self.legs[start as usize..end as usize]
    }

    /// Those out of an airport that leave between these instants.
    fn between(&self, airport: AirportId, from: i64, to: i64) -> impl Iterator<Item = LastLeg<'a>> {
        let ends = self.from(airport);
        let start = ends.partition_point(|end| end.leg.departs <= from);
        ends[start..].iter().copied().take_while(move |end| end.leg.departs <= to)
    }
}

/// A search for the itineraries of one slice.
pub(super) struct SliceWalk<'a, 'q> {
    index: &'a Index,
    query: &'q Query,
    slice: &'q Slice,
    /// The times of day at which the first flight may leave apply to the first slice.
    is_first: bool,
    /// The flights that leave later can still be sold, in microseconds since 1970.
    sales_open_from: i64,
    max_layover: i64,
    via: Option<Vec<AirportId>>,
    work: usize,
    most_work: usize,
}

impl<'a, 'q> SliceWalk<'a, 'q> {
    /// A search for the slice of this number.
    pub(super) fn new(
        index: &'a Index,
        query: &'q Query,
        number: usize,
        rules: &SearchRules,
        now: DateTime<Utc>,
    ) -> Self {
        let closes = (now - sales_close_at(now)).num_microseconds().unwrap_or(0);
        Self {
            index,
            query,
            slice: &query.slices[number],
            is_first: number == 0,
            sales_open_from: now.timestamp_micros() + closes,
            max_layover: rules.max_layover.num_microseconds().unwrap_or(i64::MAX / 4).min(i64::MAX / 4),
            via: query.via.as_ref().map(|via| index.airports().of_place(via)),
            work: 0,
            most_work: MOST_WORK / query.slices.len().max(1),
        }
    }

    /// Calls `visit` with the flights of each itinerary.
    pub(super) fn run(&mut self, visit: &mut impl FnMut(&[Segment<'a>])) {
        let airports = self.index.airports();
        let origins = airports.of_place(&self.slice.origin);
        let destinations = airports.of_place(&self.slice.destination);
        let first: Vec<(AirportId, &'a Leg)> =
            origins.iter().flat_map(|origin| self.first_legs(*origin)).collect();
        if self.via.is_none() {
            for (_, leg) in first.iter().filter(|(_, leg)| destinations.contains(&leg.other)) {
                self.found(&[&leg.flight], visit);
            }
        }
        if self.query.max_connections == 0 || first.is_empty() {
            return;
        }
        let last = self.last_legs(&first, &destinations);
        for (origin, leg) in &first {
            self.one_connection(*origin, leg, &last, visit);
        }
        if self.query.max_connections >= 2 {
            for (origin, leg) in &first {
                self.two_connections(*origin, leg, &last, visit);
            }
        }
    }

    fn found(&self, flights: &[Segment<'a>], visit: &mut impl FnMut(&[Segment<'a>])) {
        let (Some(first), Some(last)) = (flights.first(), flights.last()) else { return };
        let minutes = (last.arrives - first.departs).div_euclid(MINUTE_MICROS);
        if self.query.max_duration.is_none_or(|most| minutes <= i64::from(most)) {
            visit(flights);
        }
    }

    /// The flights of the wanted day out of an airport that may begin the slice.
    fn first_legs(&self, origin: AirportId) -> impl Iterator<Item = (AirportId, &'a Leg)> {
        let day = day_number(self.slice.date);
        let midnight = i64::from(day) * DAY_MICROS;
        let legs = self.index.outbound(origin).into_iter();
        let legs = legs.flat_map(move |legs| legs.between(midnight - EAST, midnight + DAY_MICROS + WEST));
        legs.filter(move |leg| {
            leg.local_day == day && self.is_usable(leg) && self.leaves_in_time(&leg.flight)
        })
        .map(move |leg| (origin, leg))
    }

    fn is_usable(&self, leg: &Leg) -> bool {
        let airline = self.query.airline.as_ref();
        leg.departs > self.sales_open_from
            && airline.is_none_or(|airline| *airline == leg.flight.carrier.value.code)
    }

    fn leaves_in_time(&self, flight: &IndexedFlight) -> bool {
        let minute = flight.local_minute_of_day();
        !self.is_first
            || (self.query.depart_after.is_none_or(|after| minute >= after.minute_of_day())
                && self.query.depart_before.is_none_or(|before| minute <= before.minute_of_day()))
    }

    /// The flights that may end the slice behind one of these.
    fn last_legs(&self, first: &[(AirportId, &'a Leg)], destinations: &[AirportId]) -> LastLegs<'a> {
        let connections = i64::try_from(self.query.max_connections).unwrap_or(0);
        let from = first.iter().map(|(_, leg)| leg.arrives).min().unwrap_or(0);
        let latest = first.iter().map(|(_, leg)| leg.departs).max().unwrap_or(0);
        let each = self.index.longest().saturating_add(self.max_layover);
        let to = latest.saturating_add(each.saturating_mul(connections));
        let into = |destination: &AirportId| {
            let city = self.city(*destination);
            let legs = self
                .index
                .inbound(*destination)
                .into_iter()
                .flat_map(|legs: &'a AirportLegs| legs.between(from, to));
            // Whoever changes in the city of the destination has arrived.
            legs.filter(move |leg| self.city(leg.other) != city).map(move |leg| LastLeg { leg, city })
        };
        let legs = destinations.iter().flat_map(into).filter(|end| self.is_usable(end.leg));
        LastLegs::new(self.index.airports().len(), legs.collect())
    }

    fn one_connection(
        &mut self,
        origin: AirportId,
        first: &'a Leg,
        last: &LastLegs<'a>,
        visit: &mut impl FnMut(&[Segment<'a>]),
    ) {
        let stop = first.other;
        let is_via = self.via.as_ref().is_none_or(|via| via.contains(&stop));
        if !is_via || self.city(stop) == self.city(origin) {
            return;
        }
        let home = self.city(origin);
        for end in last.between(stop, first.arrives, first.arrives.saturating_add(self.max_layover)) {
            if self.work > self.most_work {
                return;
            }
            self.work += 1;
            if end.city != home && self.connects(stop, first, end.leg) {
                self.work += FOUND_WORK;
                self.found(&[&first.flight, &end.leg.flight], visit);
            }
        }
    }

    fn two_connections(
        &mut self,
        origin: AirportId,
        first: &'a Leg,
        last: &LastLegs<'a>,
        visit: &mut impl FnMut(&[Segment<'a>]),
    ) {
        let stop = first.other;
        let (home, city) = (self.city(origin), self.city(stop));
        let Some(legs) = self.index.outbound(stop).filter(|_| city != home) else { return };
        for middle in legs.between(first.arrives, first.arrives.saturating_add(self.max_layover)) {
            if self.work > self.most_work {
                return;
            }
            self.work += 1;
            let next = middle.other;
            if last.from(next).is_empty() || !self.connects(stop, first, middle) || !self.is_usable(middle) {
                continue;
            }
            let next_city = self.city(next);
            let is_via = self.via.as_ref().is_none_or(|via| via.contains(&stop) || via.contains(&next));
            if !is_via || next_city == home || next_city == city {
                continue;
            }
            for end in last.between(next, middle.arrives, middle.arrives.saturating_add(self.max_layover)) {
                self.work += 1;
                if end.city != home && end.city != city && self.connects(next, middle, end.leg) {
                    self.work += FOUND_WORK;
                    self.found(&[&first.flight, &middle.flight, &end.leg.flight], visit);
                }
            }
        }
    }

    /// Whether a passenger can change at an airport from a flight to another, and need not wait too long.
    fn connects(&self, airport: AirportId, before: &Leg, after: &Leg) -> bool {
        let layover = after.departs - before.arrives;
        layover > 0 && layover <= self.max_layover && layover >= self.min_connection(airport, before, after)
    }

    fn min_connection(&self, airport: AirportId, before: &Leg, after: &Leg) -> i64 {
        let own = self.index.airports().min_connection(airport).map(i64::from);
        let domestic = usize::from(before.domestic) + usize::from(after.domestic);
        own.unwrap_or(MIN_CONNECTIONS[domestic]) * MINUTE_MICROS
    }

    fn city(&self, airport: AirportId) -> u16 {
        self.index.airports().city(airport)
    }
}
