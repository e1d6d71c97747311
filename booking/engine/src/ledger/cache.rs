//! The state that a ledger keeps between its transactions to save queries. All of it may be lost at any time.

use crate::{booking::record::Booking, store_error::StoreResult};
use shared_types::{
    events::SeatsState,
    ids::{BookingId, FlightId},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
};

/// The most purchases that are kept until their payments are decided: those of some seconds.
const PURCHASES: usize = 4096;
/// Document numbers that are drawn at once. Numbers that are left at the end of the process are never used.
const DOCUMENTS: usize = 256;
/// The most flights whose seats are kept.
const FLIGHTS: usize = 1024;

/// The cache of one ledger: purchases under way, document numbers, and seats of flights.
#[derive(Default)]
pub struct LedgerCache {
    purchases: RefCell<Purchases>,
    documents: RefCell<VecDeque<i64>>,
    seats: RefCell<CachedSeats>,
}

/// The held and sold seats by flight, and the flights in the order of their insertion.
#[derive(Default)]
struct CachedSeats {
    flights: HashMap<FlightId, SeatsState>,
    order: VecDeque<FlightId>,
}

/// Bookings that one call made and paid, and their identifiers in the order of their insertion.
#[derive(Default)]
struct Purchases {
    bookings: HashMap<BookingId, Booking>,
    order: VecDeque<BookingId>,
}

impl LedgerCache {
    /// Keeps a purchase that was just committed: its payment is decided some milliseconds later.
    pub fn keep(&self, booking: Booking) {
        let mut purchases = self.purchases.borrow_mut();
        if purchases.order.len() == PURCHASES
            && let Some(oldest) = purchases.order.pop_front()
        {
            purchases.bookings.remove(&oldest);
        }
        purchases.order.push_back(booking.id);
        purchases.bookings.insert(booking.id, booking);
    }

    /// Takes the kept ones of these bookings out. A booking is up to date only if its row, read under the locks of its
    /// flights, still has its version: every change of a purchase before the decision raises its version.
    pub fn take(&self, ids: &[BookingId]) -> HashMap<BookingId, Booking> {
        let mut purchases = self.purchases.borrow_mut();
        ids.iter().filter_map(|id| Some((*id, purchases.bookings.remove(id)?))).collect()
    }

    /// Gives `count` document numbers. `draw` draws the given number of them from the sequence.
    ///
    /// # Errors
    /// Those of `draw`.
    pub async fn documents<D>(&self, count: usize, draw: D) -> StoreResult<Vec<i64>>
    where
        D: AsyncFnOnce(usize) -> StoreResult<Vec<i64>>,
    {
        if count > self.documents.borrow().len() {
            let drawn = draw(count.max(DOCUMENTS)).await?;
            self.documents.borrow_mut().extend(drawn);
        }
        Ok(self.documents.borrow_mut().drain(..count).collect())
    }

    /// Keeps the seats of flights after a commit.
    pub fn keep_seats(&self, states: impl IntoIterator<Item = SeatsState>) {
        let mut seats = self.seats.borrow_mut();
        for state in states {
            let flight = state.flight_id;
            if seats.flights.insert(flight, state).is_some() {
                continue;
            }
            seats.order.push_back(flight);
            if seats.order.len() > FLIGHTS
                && let Some(oldest) = seats.order.pop_front()
            {
                seats.flights.remove(&oldest);
            }
        }
    }

    /// The versions of the kept seats of flights; -1, which no flight has, for flights that are not kept.
    pub fn seats_versions(&self, flights: &BTreeSet<FlightId>) -> Vec<(FlightId, i64)> {
        let seats = self.seats.borrow();
        let version = |id: &FlightId| seats.flights.get(id).map_or(-1, |state| state.version);
        flights.iter().map(|id| (*id, version(id))).collect()
    }

    /// Adds the kept seats of the flights whose kept version is the current one. Every change of seats raises the
    /// version of their flight, under its lock.
    pub fn add_seats(
        &self,
        found: &mut BTreeMap<FlightId, SeatsState>,
        versions: impl Iterator<Item = (FlightId, i64)>,
    ) {
        let seats = self.seats.borrow();
        for (id, version) in versions {
            if let Some(state) = seats.flights.get(&id).filter(|state| state.version == version) {
                found.entry(id).or_insert_with(|| state.clone());
            }
        }
    }

    /// Forgets everything. A database server that has died may have lost commits: it would give the remaining document
    /// numbers to other ledgers, and the same version of seats to other seats.
    pub fn forget(&self) {
        self.purchases.take();
        self.documents.take();
        self.forget_seats();
    }

    /// Forgets the seats of flights.
    pub fn forget_seats(&self) {
        *self.seats.borrow_mut() = CachedSeats::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use shared_types::ids::FlightId;

    #[test]
    fn the_oldest_purchases_are_evicted() {
        let cache = LedgerCache::default();
        let made = || samples::booking(FlightId::new(), &["12A"]);
        let first = made();
        cache.keep(first.clone());
        let second = made();
        cache.keep(second.clone());
        (2..=PURCHASES).for_each(|_| cache.keep(made()));
        let ids = [first.id, second.id];
        assert_eq!(cache.take(&ids).into_keys().collect::<Vec<_>>(), [second.id]);
        assert!(cache.take(&ids).is_empty(), "each is taken once");
    }

    #[tokio::test]
    async fn each_document_is_given_once() {
        let cache = LedgerCache::default();
        let next = std::cell::Cell::new(0);
        let draw = async |count: usize| {
            let first = next.get();
            next.set(first + count);
            Ok((first..first + count).map(|number| i64::try_from(number).unwrap()).collect())
        };
        let mut given = Vec::new();
        for count in [1, 0, 250, 9, 300, 2] {
            let documents = cache.documents(count, draw).await.unwrap();
            assert_eq!(documents.len(), count);
            given.extend(documents);
            if count == 9 {
                cache.forget();
            }
        }
        let sorted: BTreeSet<_> = given.iter().copied().collect();
        assert_eq!(sorted.len(), given.len());
        assert_eq!(given[260], 512, "forgotten numbers are drawn anew");
    }

    #[test]
    fn kept_seats_count_only_at_their_version() {
        let cache = LedgerCache::default();
        let (kept, other) = (FlightId::new(), FlightId::new());
        let state =
            |flight_id, version| SeatsState { flight_id, version, held: Vec::new(), sold: Vec::new() };
        cache.keep_seats([state(kept, 7)]);
        cache.keep_seats([state(kept, 8)]);
        let versions = cache.seats_versions(&BTreeSet::from([kept, other]));
        assert_eq!(BTreeMap::from_iter(versions), BTreeMap::from([(kept, 8), (other, -1)]));
        let added = |version| {
            let mut found = BTreeMap::new();
            cache.add_seats(&mut found, [(kept, version), (other, 8)].into_iter());
            found.into_keys().collect::<Vec<_>>()
        };
        assert_eq!((added(8), added(9)), (vec![kept], vec![]));
        cache.keep_seats((0..FLIGHTS).map(|_| state(FlightId::new(), 1)));
        assert!(added(8).is_empty(), "the oldest are evicted");
        cache.keep_seats([state(kept, 8)]);
        cache.forget();
        assert!(added(8).is_empty());
    }
}
