//! Puts slices together to journeys, and finds the page of them that is wanted.

use super::{
    cheapest_journeys::keep_affordable,
    party_prices::PartyPrices,
    query::{MOST_SLICES, Query, SearchRules},
    slice_options::{MOST_OPTIONS, SliceOption, option_key, slice_options, sort_key},
};
use crate::domain::timetable::{Index, IndexedFlight};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::ids::{FlightId, InvalidId};
use std::{cmp::Ordering, fmt, str::FromStr};

/// The most ways to take an itinerary for each slice that a search looks at, for 1 to 6 slices: as many itineraries
/// of each slice are taken, the first by the order of the query.
const OPTIONS_OF_EACH: [usize; MOST_SLICES] = [MOST_OPTIONS, 256, 40, 16, 9, 6];

/// The id of an itinerary: the ids of its flights, joined by `.` within a slice and by `~` between slices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItineraryId(Vec<Vec<FlightId>>);

impl fmt::Display for ItineraryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, slice) in self.0.iter().enumerate() {
            let mut joint = if number == 0 { "" } else { "~" };
            for flight in slice {
                write!(f, "{joint}{flight}")?;
                joint = ".";
            }
        }
        Ok(())
    }
}

impl FromStr for ItineraryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let slice = |slice: &str| slice.split('.').map(str::parse).collect::<Result<_, _>>();
        text.split('~').map(slice).collect::<Result<_, _>>().map(Self)
    }
}

impl Serialize for ItineraryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItineraryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Its place in the order: what is sorted by, then the departure (microseconds since 1970), then the id.
pub type Rank = (i64, i64, ItineraryId);

/// A journey that was found.
#[derive(Debug, Clone)]
pub struct Journey<'a> {
    pub(super) slices: Vec<SliceOption<'a>>,
    /// What the party pays in each offer.
    pub(super) prices: PartyPrices,
    key: i64,
}

impl Journey<'_> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ItineraryId {
        let ids = |slice: &SliceOption<'_>| slice.flights().iter().map(|flight| flight.id).collect();
        ItineraryId(self.slices.iter().map(ids).collect())
    }

    /// Its flights, in the order of travel.
    pub fn flights(&self) -> impl Iterator<Item = &IndexedFlight> {
        self.slices.iter().flat_map(SliceOption::flights).map(|flight| &***flight)
    }

    /// Its place in the order.
    #[must_use]
    pub fn rank(&self) -> Rank {
        (self.key, self.slices.first().map_or(0, SliceOption::departs), self.id())
    }
}

/// A way to take an itinerary for each slice, by their places in the lists of the slices.
struct Combination {
    key: i64,
    departs: i64,
    places: [u16; MOST_SLICES],
}

/// The journeys that can be booked now, in the order that is wanted: from behind a place in it, `most` at most.
#[must_use]
pub fn search<'a>(
    index: &'a Index,
    (query, rules): (&Query, &SearchRules),
    now: DateTime<Utc>,
    after: Option<&Rank>,
    most: usize,
) -> Vec<Journey<'a>> {
    let mut lists = Vec::with_capacity(query.slices.len());
    for number in 0..query.slices.len() {
        lists.push(slice_options(index, (query, rules), number, now));
    }
    if lists.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    keep_possible(&mut lists, query, rules);
    let mut builder = Combinations { lists: &lists, query, rules, found: Vec::new() };
    builder.combine(0, &mut [0; MOST_SLICES], None);
    let Combinations { mut found, .. } = builder;
    if let Some(after) = after {
        found.retain(|one| compare_to_rank(one, after, &lists).is_gt());
    }
    let order = |one: &Combination, other: &Combination| compare(one, other, &lists);
    if found.len() > most {
        found.select_nth_unstable_by(most, order);
        found.truncate(most);
    }
    found.sort_unstable_by(order);
    found.into_iter().filter_map(|one| journey(&one, &lists, query)).collect()
}

/// Takes out of the lists what no journey can have, and what is beyond the bounds.
///
/// Where there is any journey up to the highest price, the lists keep one: the itineraries of the cheapest stay whatever the
/// order.
fn keep_possible(lists: &mut [Vec<SliceOption<'_>>], query: &Query, rules: &SearchRules) {
    let mut arrived = i64::MIN;
    for list in lists.iter_mut() {
        list.retain(|option| option.departs() > arrived);
        arrived = list.iter().map(SliceOption::arrives).min().unwrap_or(i64::MAX);
    }
    let mut leaves = i64::MAX;
    for list in lists.iter_mut().rev() {
        list.retain(|option| option.arrives() < leaves);
        leaves = list.iter().map(SliceOption::departs).max().unwrap_or(i64::MIN);
    }
    let most = OPTIONS_OF_EACH[lists.len().clamp(1, MOST_SLICES) - 1];
    if lists.iter().all(|list| list.len() <= most) {
        return;
    }
    let cheapest = keep_affordable(lists, query.max_price);
    for (list, cheapest) in lists.iter_mut().zip(cheapest).filter(|(list, _)| list.len() > most) {
        list.sort_by_cached_key(|option| option_key(option, query, rules));
        list.truncate(most);
        if let Some(last) = list.len().checked_sub(1)
            && !list.iter().any(|option| option.is_same(&cheapest))
        {
            list[last] = cheapest;
        }
    }
}

/// Finds every way to take an itinerary for each slice such that each leaves after the one before has arrived.
struct Combinations<'l, 'a, 'q> {
    lists: &'l [Vec<SliceOption<'a>>],
    query: &'q Query,
    rules: &'q SearchRules,
    found: Vec<Combination>,
}

/// What is known of the slices that are chosen so far.
#[derive(Clone, Copy)]
struct Travelled {
    prices: PartyPrices,
    arrives: i64,
    minutes: i64,
    connections: usize,
}

impl Combinations<'_, '_, '_> {
    fn combine(&mut self, number: usize, places: &mut [u16; MOST_SLICES], before: Option<Travelled>) {
        let lists = self.lists;
        let Some(list) = lists.get(number) else {
            if let Some(whole) = before {
                self.complete(*places, &whole);
            }
            return;
        };
        for (place, option) in (0..).zip(list) {
            if before.is_some_and(|before| option.departs() <= before.arrives) {
                continue;
            }
            let travelled = Travelled {
                prices: before.map_or(option.prices, |before| before.prices.with(&option.prices)),
                arrives: option.arrives(),
                minutes: before.map_or(0, |before| before.minutes) + option.minutes(),
                connections: before.map_or(0, |before| before.connections) + option.connections(),
            };
            places[number] = place;
            self.combine(number + 1, places, Some(travelled));
        }
    }

    fn complete(&mut self, places: [u16; MOST_SLICES], whole: &Travelled) {
        let Some(cheapest) = whole.prices.up_to(self.query.max_price).cheapest() else { return };
        let departs = self.lists[0][usize::from(places[0])].departs();
        let key = sort_key((self.query, self.rules), cheapest, (departs, whole.minutes, whole.connections));
        self.found.push(Combination { key, departs, places });
    }
}

/// The ids of the flights of a combination, slice by slice.
fn flight_ids<'l>(
    one: &'l Combination,
    lists: &'l [Vec<SliceOption<'_>>],
) -> impl Iterator<Item = impl Iterator<Item = FlightId> + 'l> + 'l {
    lists.iter().zip(one.places).map(|(list, place)| {
        let flights = list[usize::from(place)].flights();
        flights.iter().map(|flight| flight.id)
    })
}

fn compare(one: &Combination, other: &Combination, lists: &[Vec<SliceOption<'_>>]) -> Ordering {
    let keys = (one.key, one.departs).cmp(&(other.key, other.departs));
    keys.then_with(|| {
        let mut slices = flight_ids(one, lists).zip(flight_ids(other, lists));
        slices
            .find_map(|(one, other)| Some(one.cmp(other)).filter(|order| order.is_ne()))
            .unwrap_or(Ordering::Equal)
    })
}

fn compare_to_rank(one: &Combination, (key, departs, id): &Rank, lists: &[Vec<SliceOption<'_>>]) -> Ordering {
    let keys = (one.key, one.departs).cmp(&(*key, *departs));
    keys.then_with(|| {
        let mut slices = flight_ids(one, lists).zip(&id.0);
        let order = slices
            .find_map(|(one, other)| Some(one.cmp(other.iter().copied())).filter(|order| order.is_ne()));
        order.unwrap_or_else(|| lists.len().cmp(&id.0.len()))
    })
}

fn journey<'a>(one: &Combination, lists: &[Vec<SliceOption<'a>>], query: &Query) -> Option<Journey<'a>> {
    let slices: Vec<SliceOption<'a>> =
        lists.iter().zip(one.places).map(|(list, place)| list[usize::from(place)]).collect();
    let prices = slices.iter().map(|slice| slice.prices).reduce(|sum, slice| sum.with(&slice))?;
    Some(Journey { slices, prices: prices.up_to(query.max_price), key: one.key })
}
