//! The itineraries of a slice that are worth showing, with what they cost the party.

use super::{
    connections::{MINUTE_MICROS, Segment, SliceWalk},
    party_prices::PartyPrices,
    query::{Query, SearchRules, Sort},
};
use crate::domain::timetable::{Index, IndexedFlight};
use chrono::{DateTime, Utc};
use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

/// Itineraries that are gathered before the dominated ones among them are dropped.
const GATHERED: usize = 4096;

/// The most itineraries of a slice that are kept, the first by the order of the query.
pub(super) const MOST_OPTIONS: usize = 2000;

/// An itinerary of one slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct SliceOption<'a> {
    flights: [Segment<'a>; 3],
    connections: u8,
    /// What the party pays in each offer.
    pub(super) prices: PartyPrices,
}

impl<'a> SliceOption<'a> {
    fn new(flights: &[Segment<'a>], prices: PartyPrices) -> Option<Self> {
        let last = *flights.last()?;
        let at = |place: usize| flights.get(place).copied().unwrap_or(last);
        let connections = u8::try_from(flights.len() - 1).ok()?;
        Some(Self { flights: [at(0), at(1), at(2)], connections, prices })
    }

    /// Its flights.
    pub(super) fn flights(&self) -> &[Segment<'a>] {
        &self.flights[..=usize::from(self.connections)]
    }

    /// Its changes of airplane.
    pub(super) fn connections(&self) -> usize {
        usize::from(self.connections)
    }

    /// When it leaves, in microseconds since 1970.
    pub(super) fn departs(&self) -> i64 {
        self.flights[0].departs
    }

    /// When it arrives, in microseconds since 1970.
    pub(super) fn arrives(&self) -> i64 {
        // The places behind the last flight have the last flight.
        self.flights[2].arrives
    }

    /// Minutes from its departure to its arrival.
    pub(super) fn minutes(&self) -> i64 {
        (self.arrives() - self.departs()).div_euclid(MINUTE_MICROS)
    }

    /// Whether an offer of it costs so much at most.
    fn is_offered_up_to(&self, most: Option<i64>) -> bool {
        most.is_none() || self.prices.up_to(most).cheapest().is_some()
    }

    /// Whether it has the same flights.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let ids = |option: &Self| option.flights.map(|flight| flight.id);
        self.connections == other.connections && ids(self) == ids(other)
    }

    /// Whether the other one leaves no earlier, arrives no later, has no more connections and sells every offer of this
    /// one no dearer. Where both do that to each other they are alike, and neither is dropped.
    fn is_covered_by(&self, other: &Self) -> bool {
        other.departs() >= self.departs()
            && other.arrives() <= self.arrives()
            && other.connections <= self.connections
            && other.prices.covers(&self.prices)
    }
}

/// What an itinerary is ordered by.
pub(super) fn sort_key(
    (query, rules): (&Query, &SearchRules),
    cheapest: i64,
    (departs, minutes, connections): (i64, i64, usize),
) -> i64 {
    match query.sort {
        Sort::Price => cheapest,
        Sort::Duration => minutes,
        Sort::Departure => departs,
        // In sixtieths of a minor unit, so that nothing is rounded.
        Sort::Best => {
            let connections = i64::try_from(connections).unwrap_or(i64::MAX);
            let worth = rules.hour_price.saturating_mul(minutes);
            let price = cheapest.saturating_add(rules.connection_price.saturating_mul(connections));
            price.saturating_mul(60).saturating_add(worth)
        }
    }
}

/// The itineraries of the slice of this number that no other one dominates, the first ones by the order of the query.
pub(super) fn slice_options<'a>(
    index: &'a Index,
    (query, rules): (&Query, &SearchRules),
    number: usize,
    now: DateTime<Utc>,
) -> Vec<SliceOption<'a>> {
    let mut options: Vec<SliceOption<'a>> = Vec::new();
    // The front grows with what cannot be dropped; so does the room for what is gathered before the next drop.
    let mut room = GATHERED;
    let mut prices = PriceMemory::new(query, rules, now);
    SliceWalk::new(index, query, number, rules, now).run(&mut |flights| {
        // One that is too dear in every offer dominates none that is not.
        options.extend(prices.option(flights).filter(|option| option.is_offered_up_to(query.max_price)));
        if options.len() >= room {
            drop_dominated(&mut options);
            keep_first(&mut options, query, rules);
            room = options.len() + GATHERED;
        }
    });
    drop_dominated(&mut options);
    keep_first(&mut options, query, rules);
    options
}

/// Drops what another itinerary dominates: one that covers it and is not covered by it.
pub(super) fn drop_dominated(options: &mut Vec<SliceOption<'_>>) {
    // What dominates comes first: it leaves no earlier, and else arrives no later, and so on.
    options.sort_by_cached_key(|option| {
        (Reverse(option.departs()), option.arrives(), option.connections, option.prices.weight())
    });
    let mut kept: Vec<SliceOption<'_>> = Vec::new();
    for option in options.iter() {
        let dominates = |other: &SliceOption<'_>| option.is_covered_by(other) && !other.is_covered_by(option);
        if !kept.iter().any(dominates) {
            kept.push(*option);
        }
    }
    *options = kept;
}

/// Keeps the first itineraries by the order of the query.
fn keep_first(options: &mut Vec<SliceOption<'_>>, query: &Query, rules: &SearchRules) {
    if options.len() > MOST_OPTIONS {
        options.sort_by_cached_key(|option| option_key(option, query, rules));
        options.truncate(MOST_OPTIONS);
    }
}

/// The place of an itinerary among others of its slice.
pub(super) fn option_key(option: &SliceOption<'_>, query: &Query, rules: &SearchRules) -> impl Ord + use<> {
    let shape = (option.departs(), option.minutes(), option.connections());
    let cheapest = option.prices.cheapest().unwrap_or(i64::MAX);
    let ids = option.flights.map(|flight| flight.id);
    (sort_key((query, rules), cheapest, shape), option.departs(), ids)
}

/// What each flight offers to the party, found once however many itineraries have the flight.
pub(super) struct PriceMemory<'q> {
    query: &'q Query,
    rules: &'q SearchRules,
    now: DateTime<Utc>,
    known: HashMap<*const IndexedFlight, PartyPrices, BuildHasherDefault<AddressHasher>>,
}

impl<'q> PriceMemory<'q> {
    pub(super) fn new(query: &'q Query, rules: &'q SearchRules, now: DateTime<Utc>) -> Self {
        Self { query, rules, now, known: HashMap::default() }
    }

    /// What the flights offer together; `None` where that is nothing.
    pub(super) fn together(&mut self, flights: &[Segment<'_>]) -> Option<PartyPrices> {
        let (first, rest) = flights.split_first()?;
        let mut prices = self.of(first);
        for flight in rest {
            prices = prices.with(&self.of(flight));
        }
        prices.offers().next().is_some().then_some(prices)
    }

    fn option<'a>(&mut self, flights: &[Segment<'a>]) -> Option<SliceOption<'a>> {
        let prices = self.together(flights)?;
        SliceOption::new(flights, prices)
    }

    fn of(&mut self, flight: &Arc<IndexedFlight>) -> PartyPrices {
        let find = || PartyPrices::of_flight(flight, self.query, self.rules, self.now);
        *self.known.entry(Arc::as_ptr(flight)).or_insert_with(find)
    }
}

/// Hashes an address: its bits are as good as random ones after a multiplication.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, address: usize) {
        // 2^64 divided by the golden ratio; the high bits, which a table goes by, depend on all others.
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}
