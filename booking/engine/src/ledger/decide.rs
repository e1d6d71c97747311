//! The decisions of one transaction for many commands.
//!
//! Every writer of booking locks in one order: flights by id, then unverified accounts, then keys. The domain decides on
//! what was read under these locks, by the database's clock read after them; then everything is written at once. Only
//! who has locked a flight changes its seats, and only who has locked all flights of a booking changes the booking, so
//! what was read still holds. The unique constraints of the tables stand behind it.

use crate::{
    booking::{record::Booking, refusal::FlightSeat},
    inventory::seat_inventory::HoldExpiries,
    ledger::{
        amendments, claims, expiry, keys,
        occupancy::BatchOccupancy,
        rows::SeatRow,
        snapshot::{LockRequest, LockedSnapshot},
        transitions,
        work::{BatchWork, Item, Verdict},
        write_set::WriteSet,
        write_set_builder::WriteSetBuilder,
    },
    ports::{Ids, LedgerStore},
    store_error::StoreResult,
};
use chrono::TimeDelta;
use shared_types::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId},
};
use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

/// What a batch needs to know beside the database.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// How long a payment prolongs its hold.
    pub payment_grace: TimeDelta,
    /// When the transaction begins, by this machine's monotonic clock.
    pub begins: Instant,
}

/// What was decided: to be written, and when that is committed, to be told.
pub struct BatchDecision<'a> {
    /// The commands with their traces.
    pub items: &'a [Item<'a>],
    /// One a command, in their order.
    pub verdicts: Vec<Verdict>,
    occupancy: BatchOccupancy,
    /// The seats of the flights whose seats change.
    seats: Vec<SeatsState>,
    bookings: HashMap<BookingId, Booking>,
    writes: WriteSetBuilder,
    /// The holds that are made or changed.
    holds: HashMap<FlightId, HoldExpiries>,
}

impl BatchDecision<'_> {
    /// What is to be written, but the events.
    pub fn write_set(&self) -> WriteSet<'_> {
        self.writes.write_set(&self.occupancy, &self.seats, &self.bookings)
    }

    /// What is to be published: written last in the transaction.
    pub fn events(&self) -> Vec<Event> {
        self.writes.events(&self.seats)
    }

    /// It is committed.
    pub fn committed(self) -> CommittedBatch {
        CommittedBatch {
            verdicts: self.verdicts,
            has_events: self.writes.has_events() || !self.seats.is_empty(),
            seats: self.seats,
            holds: self.holds,
            purchases: self.writes.into_purchases().collect(),
        }
    }
}

/// What is to be told after the commit.
pub struct CommittedBatch {
    /// One a command, in their order.
    pub verdicts: Vec<Verdict>,
    /// The seats of the flights whose seats changed.
    pub seats: Vec<SeatsState>,
    /// The holds that were made or changed.
    pub holds: HashMap<FlightId, HoldExpiries>,
    /// Whether there is something to be published.
    pub has_events: bool,
    /// Bookings that were made with their payments.
    pub purchases: Vec<Booking>,
}

/// Decides commands within the transaction that the caller has begun, and in which it will commit the decision.
///
/// # Errors
/// Those of the store.
pub async fn decide<'a>(
    store: &impl LedgerStore,
    ids: &impl Ids,
    items: &'a [Item<'a>],
    settings: BatchSettings,
) -> StoreResult<BatchDecision<'a>> {
    let mut work = read(store, items, settings).await?;
    keys::bind(store, &mut work).await?;
    transitions::run(store, ids, &mut work).await?;
    transitions::correct_names(store, ids, &mut work).await?;
    claims::run(store, ids, &mut work).await?;
    amendments::change_seats(&mut work)?;
    keys::release(store, &work).await?;
    let seats = work.occupancy.states(&work.locked);
    let holds = work.writes.holds(&work.bookings, work.now).into_iter().filter_map(|(flight, holds)| {
        let changed = seats.iter().find(|state| state.flight_id == flight).map(|state| state.version);
        let seats_version = changed.or_else(|| Some(work.locked.get(&flight)?.seats_version))?;
        Some((flight, HoldExpiries { seats_version, holds, as_of: settings.begins }))
    });
    let holds = holds.collect();
    let BatchWork { verdicts, occupancy, bookings, writes, .. } = work;
    let verdicts: Vec<Verdict> = verdicts.into_iter().flatten().collect();
    assert_eq!(verdicts.len(), items.len(), "every command has a verdict");
    Ok(BatchDecision { items, verdicts, occupancy, seats, bookings, writes, holds })
}

/// Finds what the commands are about, locks its flights, and reads it.
async fn read<'a>(
    store: &impl LedgerStore,
    items: &'a [Item<'a>],
    settings: BatchSettings,
) -> StoreResult<BatchWork<'a>> {
    let stale = stale_holds(store, items).await?;
    let mut ids = stale.clone();
    let others = items.iter().filter(|(command, _)| command.claim().is_none());
    ids.extend(others.map(|(command, _)| command.booking()));
    let ids: Vec<BookingId> = ids.into_iter().collect();
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    let flights = claims.flat_map(|claim| claim.order.flights()).collect();
    let (limits, unverified) = (claims::limits(items), claims::unverified(items));
    let (passengers, locators) = (claims::passenger_keys(items), claims::locators(items));
    let request = LockRequest {
        flights,
        bookings: &ids,
        limits: &limits,
        unverified: &unverified,
        passengers: &passengers,
        locators: &locators,
    };
    let LockedSnapshot { locked, seats, bookings, held, held_unverified, passengers, used, now } =
        store.lock(request).await?;
    let versions: Vec<_> = locked.iter().map(|(id, flight)| (*id, flight.version)).collect();
    let flights = store.flight_states(&versions).await?;
    let mut work = BatchWork {
        items,
        payment_grace: settings.payment_grace,
        now,
        locked,
        flights,
        held,
        held_unverified,
        bookings: bookings.into_iter().map(|booking| (booking.id, booking)).collect(),
        verdicts: items.iter().map(|_| None).collect(),
        occupancy: BatchOccupancy::new(seats, passengers),
        used,
        writes: WriteSetBuilder::default(),
    };
    for id in stale {
        expiry::expire_stale(&mut work, id)?;
    }
    Ok(work)
}

/// The holds whose time is over but that stand in the way: of changes of seats, of corrected names, and of claims that
/// were tried before. A new claim is not looked at: its seats are free, except where the sweeper has yet to expire a
/// hold. Such a claim loses once, and is tried again.
async fn stale_holds(store: &impl LedgerStore, items: &[Item<'_>]) -> StoreResult<BTreeSet<BookingId>> {
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    let mut stale: BTreeSet<BookingId> = claims.flat_map(|claim| claim.stale.iter().copied()).collect();
    let moves = items.iter().flat_map(|(command, _)| {
        command.seat_changes().iter().map(|change| SeatRow {
            seat: FlightSeat { flight_id: change.flight, designator: change.seat },
            booking: command.booking(),
            sold: false,
        })
    });
    let seats: Vec<_> = moves.collect();
    let wanted = items.iter().flat_map(|(command, _)| command.wanted_travellers().iter().copied());
    let travellers: Vec<_> = wanted.collect();
    if !(seats.is_empty() && travellers.is_empty()) {
        let in_the_way = store.stale_holds(&seats, &travellers).await?;
        stale.extend(in_the_way.iter().map(|hold| hold.booking));
    }
    Ok(stale)
}
