//! The flights out of an airport, or into it, by departure.

use super::{airport_table::AirportId, indexed_flight::IndexedFlight};
use std::sync::Arc;

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// A flight with what connections are found by, so that most of the flights that a search passes are never looked into.
#[derive(Debug, Clone)]
pub struct Leg {
    /// When it leaves, in microseconds since 1970.
    pub departs: i64,
    /// When it arrives, in microseconds since 1970.
    pub arrives: i64,
    /// The flight itself.
    pub flight: Arc<IndexedFlight>,
    /// The day of its departure on the clocks of its origin, in days since 1970.
    pub local_day: i32,
    /// The airport at the other end.
    pub other: AirportId,
    /// Whether both ends are in one country.
    pub domestic: bool,
}

impl Leg {
    pub(super) fn new(flight: &Arc<IndexedFlight>, other: AirportId) -> Self {
        Self {
            departs: flight.departs,
            arrives: flight.arrives,
            flight: flight.clone(),
            local_day: flight.local_day(),
            other,
            domestic: flight.domestic(),
        }
    }
}

/// The legs of a day, in UTC.
#[derive(Debug, Clone)]
struct DayLegs {
    day: i64,
    legs: Arc<Vec<Leg>>,
}

/// The legs of an airport. A copy shares the days with its original, and a change copies the day that it touches.
#[derive(Debug, Clone, Default)]
pub struct AirportLegs {
    days: Vec<DayLegs>,
}

impl AirportLegs {
    /// The legs that depart between these instants, both included, by departure.
    pub fn between(&self, from: i64, to: i64) -> impl Iterator<Item = &Leg> {
        let last = to.div_euclid(DAY_MICROS);
        let first = self.days.partition_point(|day| day.day < from.div_euclid(DAY_MICROS));
        let days = self.days[first..].iter().take_while(move |day| day.day <= last);
        let legs = days.flat_map(move |day| {
            let start = day.legs.partition_point(|leg| leg.departs < from);
            &day.legs[start..]
        });
        legs.take_while(move |leg| leg.departs <= to)
    }

    /// All legs, by departure.
    pub(super) fn all(&self) -> impl Iterator<Item = &Leg> {
        self.days.iter().flat_map(|day| day.legs.iter())
    }

    /// Puts a leg in its place.
    pub(super) fn insert(&mut self, leg: Leg) {
        let day = leg.departs.div_euclid(DAY_MICROS);
        let at = self.days.partition_point(|known| known.day < day);
        if self.days.get(at).is_none_or(|known| known.day != day) {
            self.days.insert(at, DayLegs { day, legs: Arc::default() });
        }
        let legs = Arc::make_mut(&mut self.days[at].legs);
        let place = legs.partition_point(|known| key(&known.flight) < key(&leg.flight));
        // A growing vector would keep room for as many legs again.
        legs.reserve_exact(1);
        legs.insert(place, leg);
    }

    /// Takes the leg of this flight out.
    pub(super) fn remove(&mut self, flight: &IndexedFlight) {
        let day = flight.departs.div_euclid(DAY_MICROS);
        let Ok(at) = self.days.binary_search_by_key(&day, |known| known.day) else { return };
        let legs = Arc::make_mut(&mut self.days[at].legs);
        if let Ok(place) = legs.binary_search_by_key(&key(flight), |known| key(&known.flight)) {
            legs.remove(place);
        }
        if legs.is_empty() {
            self.days.remove(at);
        }
    }

    /// Puts the same flight with other seats in the place of itself.
    pub(super) fn replace(&mut self, flight: &Arc<IndexedFlight>) {
        let day = flight.departs.div_euclid(DAY_MICROS);
        let Ok(at) = self.days.binary_search_by_key(&day, |known| known.day) else { return };
        let legs = Arc::make_mut(&mut self.days[at].legs);
        if let Ok(place) = legs.binary_search_by_key(&key(flight), |known| key(&known.flight)) {
            legs[place].flight = flight.clone();
        }
    }
}

/// The place of a flight among others.
fn key(flight: &IndexedFlight) -> (i64, shared::ids::FlightId) {
    (flight.departs, flight.id)
}
