//! What a batch locks, and what it reads under the locks.

use crate::{
    booking::{locator::Locator, record::Booking},
    ledger::rows::{LockedFlight, PassengerFlightKey},
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::SeatsState,
    ids::{BookingId, FlightId, UserId},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What a batch is about.
#[derive(Debug)]
pub struct LockRequest<'a> {
    /// Flights to be locked, beside those of the bookings.
    pub flights: BTreeSet<FlightId>,
    /// Bookings to be read, whose flights are locked too.
    pub bookings: &'a [BookingId],
    /// Whose held seats are to be counted on which flights.
    pub limits: &'a [(FlightId, UserId)],
    /// Unverified accounts to be locked, each once: their held seats on all flights are to be counted.
    pub unverified: &'a [UserId],
    /// Passengers' keys that are wanted.
    pub passengers: &'a [PassengerFlightKey],
    /// Locators that are wanted.
    pub locators: &'a [Locator],
}

/// What was read under the locks.
#[derive(Debug)]
pub struct LockedSnapshot {
    /// The flights that are locked.
    pub locked: BTreeMap<FlightId, LockedFlight>,
    /// The seats of these flights that are not free.
    pub seats: BTreeMap<FlightId, SeatsState>,
    /// The bookings, in full.
    pub bookings: Vec<Booking>,
    /// Seats that accounts hold on flights, unpaid.
    pub held: HashMap<(FlightId, UserId), i64>,
    /// Seats that unverified accounts hold on all flights.
    pub held_unverified: HashMap<UserId, i64>,
    /// Those of the passengers' keys that are taken.
    pub passengers: HashSet<PassengerFlightKey>,
    /// Those of the locators that bookings have.
    pub used: HashSet<Locator>,
    /// The database's clock after the locks.
    pub now: DateTime<Utc>,
}
