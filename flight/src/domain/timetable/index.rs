//! The index that search reads.
//!
//! It is persistent: a clone shares everything with its original, and a change copies only the lists of the two
//! airports and the two days that it touches. So each change can be published as an immutable snapshot, while 500,000
//! other flights stay where they are.

use super::{
    airport_legs::{AirportLegs, Leg},
    airport_table::{AirportId, AirportTable},
    indexed_flight::IndexedFlight,
};
use chrono::NaiveDate;
use shared::iata::AirportCode;
use std::{collections::HashMap, sync::Arc};

/// An immutable picture of all flights ahead.
#[derive(Debug, Clone, Default)]
pub struct Index {
    airports: Arc<AirportTable>,
    /// By origin.
    outbound: Arc<Vec<Arc<AirportLegs>>>,
    /// By destination.
    inbound: Arc<Vec<Arc<AirportLegs>>>,
    flights: usize,
    longest: i64,
}

/// The days from 1970 to a date.
#[must_use]
pub fn day_number(date: NaiveDate) -> i32 {
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).unwrap_or(i32::MAX)
}

impl Index {
    /// Its airports.
    #[must_use]
    pub fn airports(&self) -> &AirportTable {
        &self.airports
    }

    /// The flights out of an airport.
    #[must_use]
    pub fn outbound(&self, airport: AirportId) -> Option<&AirportLegs> {
        self.outbound.get(usize::from(airport)).map(|legs| &**legs)
    }

    /// The flights into an airport.
    #[must_use]
    pub fn inbound(&self, airport: AirportId) -> Option<&AirportLegs> {
        self.inbound.get(usize::from(airport)).map(|legs| &**legs)
    }

    /// Microseconds that no flight takes longer than. It never shrinks.
    #[must_use]
    pub fn longest(&self) -> i64 {
        self.longest
    }

    /// The flights from an airport to another that leave on this date, local to the origin.
    pub fn flights<'a>(
        &'a self,
        origin: &AirportCode,
        destination: &AirportCode,
        date: NaiveDate,
    ) -> impl Iterator<Item = &'a Arc<IndexedFlight>> + use<'a> {
        let (origin, destination) = (self.airports.id(origin), self.airports.id(destination));
        let legs = origin.and_then(|origin| self.outbound(origin));
        let day = day_number(date);
        let fits = move |leg: &&Leg| leg.local_day == day && Some(leg.other) == destination;
        legs.into_iter().flat_map(AirportLegs::all).filter(fits).map(|leg| &leg.flight)
    }

    /// All flights.
    pub fn all(&self) -> impl Iterator<Item = &Arc<IndexedFlight>> {
        self.outbound.iter().flat_map(|legs| legs.all()).map(|leg| &leg.flight)
    }

    /// How many flights it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flights
    }

    /// Whether it has no flights.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flights == 0
    }

    /// Puts these in the place of all shortest connections that airports have of their own, in minutes; gives whether
    /// that is news.
    pub(super) fn set_min_connections(&mut self, minutes: HashMap<AirportCode, u16>) -> bool {
        let news = *self.airports.min_connections() != minutes;
        if news {
            Arc::make_mut(&mut self.airports).set_min_connections(minutes);
        }
        news
    }

    pub(super) fn insert(&mut self, flight: &Arc<IndexedFlight>) {
        for station in [&flight.origin, &flight.destination] {
            if !self.airports.has(station) {
                Arc::make_mut(&mut self.airports).learn(station);
            }
        }
        let Some((origin, destination)) = self.ends(flight) else { return };
        legs_of(&mut self.outbound, origin).insert(Leg::new(flight, destination));
        legs_of(&mut self.inbound, destination).insert(Leg::new(flight, origin));
        self.flights += 1;
        self.longest = self.longest.max(flight.arrives.saturating_sub(flight.departs));
    }

    pub(super) fn remove(&mut self, flight: &IndexedFlight) {
        let Some((origin, destination)) = self.ends(flight) else { return };
        legs_of(&mut self.outbound, origin).remove(flight);
        legs_of(&mut self.inbound, destination).remove(flight);
        self.flights -= 1;
    }

    /// Puts the same flight with other seats in the place of itself.
    pub(super) fn replace(&mut self, flight: &Arc<IndexedFlight>) {
        let Some((origin, destination)) = self.ends(flight) else { return };
        legs_of(&mut self.outbound, origin).replace(flight);
        legs_of(&mut self.inbound, destination).replace(flight);
    }

    fn ends(&self, flight: &IndexedFlight) -> Option<(AirportId, AirportId)> {
        let id = |code| self.airports.id(code);
        Some((id(&flight.origin.value.iata)?, id(&flight.destination.value.iata)?))
    }
}

/// The legs of an airport, to be changed.
fn legs_of(lists: &mut Arc<Vec<Arc<AirportLegs>>>, airport: AirportId) -> &mut AirportLegs {
    let (lists, airport) = (Arc::make_mut(lists), usize::from(airport));
    if lists.len() <= airport {
        lists.resize_with(airport + 1, Arc::default);
    }
    Arc::make_mut(&mut lists[airport])
}

#[cfg(test)]
impl Index {
    /// Whether no list has a leg.
    pub(super) fn has_no_leg(&self) -> bool {
        self.outbound.iter().chain(self.inbound.iter()).all(|legs| legs.all().next().is_none())
    }
}
