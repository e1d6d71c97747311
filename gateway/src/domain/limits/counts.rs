//! The counts of all clients, in bounded memory.
//!
//! The table is a set-associative cache: a key has one set, by its hash, and a set has few places. So a count costs one
//! short lock and no allocation, and the table never grows beyond its places, however many addresses there are. Where
//! all places of a set are taken, the key that is nearest to its full allowance makes room. A key with requests in
//! flight never does.

use super::client::LimitedClient;
use crate::domain::route_class::RouteClass;
use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Sets of the table, and places of each set: room for 100,000 clients of two classes, and for chance to spread them
/// unevenly.
const SETS: usize = 1 << 14;
const PLACES: usize = 16;

/// What is counted of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Requests of a class.
    Requests(RouteClass),
    /// Refusals, which are paced.
    Refusals,
}

/// A count's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CountKey {
    pub(super) client: LimitedClient,
    pub(super) counted: Counted,
}

struct Count {
    key: CountKey,
    /// The cell rate algorithm's theoretical arrival time; in the past where nothing is owed.
    arrival: Nanos,
    in_flight: u32,
}

type CountSet = Vec<Count>;

/// The table; clones share it.
#[derive(Clone)]
pub(super) struct Counts(Arc<Table>);

struct Table {
    sets: Box<[Mutex<CountSet>]>,
    hasher: RandomState,
    taken: AtomicUsize,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self::with_sets(SETS)
    }

    fn with_sets(sets: usize) -> Self {
        let sets = (0..sets.next_power_of_two()).map(|_| Mutex::default()).collect();
        Self(Arc::new(Table { sets, hasher: RandomState::new(), taken: AtomicUsize::new(0) }))
    }

    /// Counts one more request in flight, until the result is dropped; `None` where there are `most` already.
    pub(super) fn enter(&self, key: CountKey, most: u32) -> Option<InFlightCount> {
        let mut set = self.0.set(&key);
        if let Some(count) = set.iter_mut().find(|count| count.key == key) {
            if count.in_flight >= most {
                return None;
            }
            count.in_flight += 1;
        } else if !self.0.insert(&mut set, Count { key, arrival: Nanos::default(), in_flight: 1 }) {
            // All places have requests in flight: this one goes uncounted, as rarely as that is.
            return Some(InFlightCount { table: None, key });
        }
        Some(InFlightCount { table: Some(Arc::clone(&self.0)), key })
    }

    /// Takes one request back, which was counted this far into the future.
    pub(super) fn take_back(&self, key: &CountKey, one: Duration) {
        if let Some(count) = self.0.set(key).iter_mut().find(|count| count.key == *key) {
            count.arrival = count.arrival.saturating_sub(Nanos::from(one));
        }
    }

    #[cfg(test)]
    pub(super) fn in_flight(&self, key: &CountKey) -> u32 {
        self.0.set(key).iter().find(|count| count.key == *key).map_or(0, |count| count.in_flight)
    }
}

impl Table {
    // A poisoned lock is safe to use: its holders change a number or a place at a time.
    fn set(&self, key: &CountKey) -> MutexGuard<'_, CountSet> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let index = self.hasher.hash_one(key) as usize & (self.sets.len() - 1);
        self.sets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a count into its set; false where all places have requests in flight.
    fn insert(&self, set: &mut CountSet, count: Count) -> bool {
        if set.len() < PLACES {
            set.push(count);
            self.taken.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let idle = set.iter_mut().filter(|count| count.in_flight == 0);
        let Some(place) = idle.min_by_key(|count| count.arrival) else { return false };
        *place = count;
        true
    }
}

impl StateStore for Counts {
    type Key = CountKey;

    fn measure_and_replace<T, F, E>(&self, key: &CountKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut set = self.0.set(key);
        if let Some(count) = set.iter_mut().find(|count| count.key == *key) {
            let (outcome, arrival) = measure(Some(count.arrival))?;
            count.arrival = arrival;
            return Ok(outcome);
        }
        let (outcome, arrival) = measure(None)?;
        self.0.insert(&mut set, Count { key: *key, arrival, in_flight: 0 });
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<CountKey> for Counts {
    fn retain_recent(&self, drop_below: Nanos) {
        for set in &self.0.sets {
            let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
            let before = set.len();
            set.retain(|count| count.in_flight > 0 || count.arrival > drop_below);
            self.0.taken.fetch_sub(before - set.len(), Ordering::Relaxed);
        }
    }

    fn len(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Counts one request in flight, until it is dropped.
pub(crate) struct InFlightCount {
    table: Option<Arc<Table>>,
    key: CountKey,
}

impl Drop for InFlightCount {
    fn drop(&mut self) {
        let Some(table) = &self.table else { return };
        let mut set = table.set(&self.key);
        if let Some(count) = set.iter_mut().find(|count| count.key == self.key) {
            debug_assert!(count.in_flight > 0, "a request ends once");
            count.in_flight = count.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv6Addr};

    fn key(number: u128) -> CountKey {
        let address = IpAddr::V6(Ipv6Addr::from_bits(number << 64));
        CountKey { client: LimitedClient::at(address), counted: Counted::Requests(RouteClass::Read) }
    }

    fn set(counts: &Counts, number: u128, arrival: u64) {
        let outcome: Result<(), ()> = counts.measure_and_replace(&key(number), |_| Ok(((), arrival.into())));
        outcome.unwrap();
    }

    fn arrival(counts: &Counts, number: u128) -> Option<u64> {
        counts
            .0
            .set(&key(number))
            .iter()
            .find(|count| count.key == key(number))
            .map(|count| count.arrival.into())
    }

    #[test]
    fn a_full_set_gives_up_what_is_nearest_to_its_full_allowance() {
        let counts = Counts::with_sets(1);
        for number in 0..PLACES as u128 {
            set(&counts, number, 1000 + u64::try_from(number).unwrap());
        }
        let busy = counts.enter(key(0), 1).unwrap();
        set(&counts, 100, 5000);
        assert_eq!(arrival(&counts, 0), Some(1000), "it has a request in flight");
        assert_eq!((arrival(&counts, 1), arrival(&counts, 100)), (None, Some(5000)));
        assert_eq!(counts.len(), PLACES);
        drop(busy);
        set(&counts, 101, 5000);
        assert_eq!(arrival(&counts, 0), None);
    }

    #[test]
    fn a_set_of_busy_clients_takes_no_more_and_refuses_nobody() {
        let counts = Counts::with_sets(1);
        let busy: Vec<_> = (0..PLACES as u128).map(|number| counts.enter(key(number), 1).unwrap()).collect();
        let uncounted = counts.enter(key(100), 1).unwrap();
        set(&counts, 101, 5000);
        assert_eq!((arrival(&counts, 100), arrival(&counts, 101), counts.len()), (None, None, PLACES));
        drop(uncounted);
        drop(busy);
        assert!((0..PLACES as u128).all(|number| counts.in_flight(&key(number)) == 0));
    }

    #[test]
    fn the_table_stays_within_its_places_whatever_the_number_of_addresses() {
        let counts = Counts::new();
        for number in 0..400_000 {
            set(&counts, number, 1000);
        }
        assert!((100_000..=SETS * PLACES).contains(&counts.len()), "{}", counts.len());
        let busy = counts.enter(key(7), 1).unwrap();
        counts.retain_recent(2000.into());
        assert_eq!(counts.len(), 1, "what has a request in flight stays");
        drop(busy);
        counts.retain_recent(2000.into());
        assert!(counts.is_empty());
    }

    #[test]
    fn requests_in_flight_are_bounded_and_come_back() {
        let counts = Counts::new();
        let (one, two) = (counts.enter(key(1), 2), counts.enter(key(1), 2));
        assert!(one.is_some() && two.is_some() && counts.enter(key(1), 2).is_none());
        assert!(counts.enter(key(2), 2).is_some());
        drop(one);
        assert!(counts.enter(key(1), 2).is_some());
        assert_eq!(counts.in_flight(&key(1)), 1);
    }
}
