//! The decisions of one transaction for many commands.
//!
//! Every writer of booking locks in one order: flights by id, then unverified accounts, then keys. The rules decide by
//! the rows that were read under these locks, and by the database's clock read after them. Then everything is written
//! at once. A transaction changes seats only of flights that it has locked, and a booking only after it has locked all
//! its flights. So the rows stay as they were read. The unique constraints of the tables guard against errors in this.

use crate::{
    booking::refusal::FlightSeat,
    inventory::seat_inventory::HoldExpiries,
    ledger::{
        amendments, claims,
        decision::BatchDecision,
        expiry, keys,
        occupancy::BatchOccupancy,
        rows::SeatRow,
        snapshot::{LockRequest, LockedSnapshot},
        transitions,
        work::{BatchWork, Item, Verdict},
        write_set_builder::WriteSetBuilder,
    },
    ports::{Ids, LedgerStore},
    store_error::StoreResult,
};
use chrono::TimeDelta;
use shared_types::ids::BookingId;
use std::{collections::BTreeSet, time::Instant};

/// The settings of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// The time by which a payment prolongs its hold.
    pub payment_grace: TimeDelta,
    /// When the transaction begins, by the machine's monotonic clock.
    pub begins: Instant,
}

/// Decides about commands. The caller has begun the transaction, and will commit the decision in it.
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

/// Finds the bookings and flights of the commands, locks the flights, and reads both.
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

/// The ended holds that block changes of seats, corrected names, and claims that were tried before. New claims are not
/// checked: their seats are usually free. A new claim that meets a hold which the sweeper has yet to expire loses once,
/// and is tried again.
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
