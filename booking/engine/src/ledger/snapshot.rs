//! The locks of a batch, and the rows that it reads under them.

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

/// The rows that a batch needs.
#[derive(Debug)]
pub struct LockRequest<'a> {
    /// Flights to lock, beside those of the bookings.
    pub flights: BTreeSet<FlightId>,
    /// Bookings to read. Their flights are locked, too.
    pub bookings: &'a [BookingId],
    /// Flights and accounts whose held seats are to be counted.
    pub limits: &'a [(FlightId, UserId)],
    /// Unverified accounts to lock, each once. Their held seats on all flights are to be counted.
    pub unverified: &'a [UserId],
    /// The wanted passenger keys.
    pub passengers: &'a [PassengerFlightKey],
    /// The wanted locators.
    pub locators: &'a [Locator],
}

/// The rows that were read under the locks.
#[derive(Debug)]
pub struct LockedSnapshot {
    /// The locked flights.
    pub locked: BTreeMap<FlightId, LockedFlight>,
    /// The held and sold seats of these flights.
    pub seats: BTreeMap<FlightId, SeatsState>,
    /// The bookings, in full.
    pub bookings: Vec<Booking>,
    /// The number of unpaid seats that accounts hold on flights.
    pub held: HashMap<(FlightId, UserId), i64>,
    /// The number of unpaid seats that unverified accounts hold on all flights.
    pub held_unverified: HashMap<UserId, i64>,
    /// The taken ones of the wanted passenger keys.
    pub passengers: HashSet<PassengerFlightKey>,
    /// The used ones of the wanted locators.
    pub used: HashSet<Locator>,
    /// The database's clock, read after the locks were granted.
    pub now: DateTime<Utc>,
}
