//! Claims: who comes first has the seats that are free, all that it wants or none.

use crate::{
    booking::{
        hold::{self, Allowance},
        locator::Locator,
        record::Booking,
        refusal::{FlightSeat, Refusal},
    },
    inventory::flight,
    ledger::{
        command::{Claim, Outcome},
        payments,
        rows::{Blocked, PassengerFlightKey, TravellerRow, UnverifiedHold},
        work::{BatchWork, Item, Verdict},
        write_set_builder::present,
    },
    ports::{Ids, LedgerStore},
    store_error::{StoreError, StoreFault, StoreResult},
};
use shared_types::{
    events::{BookingPaymentStatus, BookingStatus, EventType},
    ids::{BookingId, FlightId, UserId},
};
use std::collections::{BTreeSet, HashSet};

/// A claim that may try for its seats.
struct Candidate<'a> {
    index: usize,
    claim: &'a Claim,
}

impl Candidate<'_> {
    fn seats(&self) -> impl Iterator<Item = FlightSeat> + '_ {
        self.claim.order.seats().map(|(flight_id, designator)| FlightSeat { flight_id, designator })
    }

    /// Whether it wants what a hold has.
    fn wants(&self, held: Blocked) -> bool {
        match held {
            Blocked::Seat(seat) => self.seats().any(|one| one == seat),
            Blocked::Passenger(key) => self.passenger_keys().any(|one| one == key),
        }
    }

    fn passenger_keys(&self) -> impl Iterator<Item = PassengerFlightKey> + '_ {
        blocking_rows(self.claim).map(|row| row.key())
    }
}

/// The rows that must not be there for a new booking: its own, and those under which an earlier release may have stored
/// the same people. Names in plain ASCII have none of the latter.
fn blocking_rows(claim: &Claim) -> impl Iterator<Item = TravellerRow> + '_ {
    claim.travellers().rows().chain(claim.travellers().former_rows())
}

/// Decides the claims of the batch, in their order.
pub(crate) async fn run(
    store: &impl LedgerStore,
    ids: &impl Ids,
    work: &mut BatchWork<'_>,
) -> StoreResult<()> {
    let bookable = bookable(work);
    let allowed = within_limits(work, bookable);
    let (winners, losers) = seat(work, allowed);
    judge(store, work, losers).await?;
    if winners.is_empty() {
        return Ok(());
    }
    let used = std::mem::take(&mut work.used);
    let locators = draw_locators((store, ids), &winners, used).await?;
    let passengers = winners.iter().map(|winner| winner.claim.order.passengers.len());
    let documents = store.allocate_ticket_numbers(passengers.sum()).await?;
    write_winners(work, &winners, locators, documents)
}

/// The passengers' keys that must be free for the claims of a batch.
pub(crate) fn passenger_keys(items: &[Item<'_>]) -> Vec<PassengerFlightKey> {
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    claims.flat_map(blocking_rows).map(|row| row.key()).collect()
}

/// The locators that the claims of a batch want.
pub(crate) fn locators(items: &[Item<'_>]) -> Vec<Locator> {
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    claims.map(|claim| claim.locator.clone()).collect()
}

/// The accounts whose held seats limit the claims of a batch, on which flights.
pub(crate) fn limits(items: &[Item<'_>]) -> Vec<(FlightId, UserId)> {
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    let limited = claims.filter(|claim| claim.allowance != Allowance::Unlimited);
    let mut limits: Vec<_> = limited.flat_map(owners).collect();
    limits.sort_unstable();
    limits.dedup();
    limits
}

/// The unverified accounts that claims of a batch are for, each once.
pub(crate) fn unverified(items: &[Item<'_>]) -> Vec<UserId> {
    let claims = items.iter().filter_map(|(command, _)| command.claim());
    let unverified = claims.filter(|claim| claim.allowance == Allowance::Unverified);
    let accounts: BTreeSet<UserId> = unverified.map(|claim| claim.order.owner).collect();
    accounts.into_iter().collect()
}

/// The account of a claim on each of its flights.
fn owners(claim: &Claim) -> impl Iterator<Item = (FlightId, UserId)> + '_ {
    claim.order.segments.iter().map(|segment| (segment.flight_id, claim.order.owner))
}

/// The claims all of whose flights can be booked now.
fn bookable<'a>(work: &mut BatchWork<'a>) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for (index, (command, _)) in work.items.iter().enumerate() {
        let Some(claim) = command.claim().filter(|_| work.verdicts[index].is_none()) else { continue };
        let open = |id: &FlightId| match work.locked.get(id) {
            None => Err(Refusal::NotFound),
            Some(locked) if !locked.on_sale || !flight::is_open(locked.departure_at, work.now) => {
                Err(Refusal::FlightNotBookable)
            }
            Some(_) => Ok(()),
        };
        let newer = |(id, version): &&(FlightId, i64)| {
            work.locked.get(id).is_some_and(|locked| locked.version > *version)
        };
        let changed: Vec<FlightId> = claim.priced_from.iter().filter(newer).map(|(id, _)| *id).collect();
        match claim.order.segments.iter().try_for_each(|segment| open(&segment.flight_id)) {
            Ok(()) if !changed.is_empty() => work.refuse(index, Refusal::FlightChanged(changed)),
            Ok(()) => candidates.push(Candidate { index, claim }),
            Err(refusal) => work.refuse(index, refusal),
        }
    }
    candidates
}

/// Refuses claims that would exceed the seats that an account may hold. Those that are to be paid at
/// once count too: a card that is declined leaves a hold like any other. The flights are locked, so
/// nobody else adds holds meanwhile.
fn within_limits<'a>(work: &mut BatchWork<'_>, candidates: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    let mut allowed = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let (claim, owner) = (candidate.claim, candidate.claim.order.owner);
        if claim.allowance == Allowance::Unlimited {
            allowed.push(candidate);
            continue;
        }
        let (seats, in_all) = (seats_per_flight(claim), seats_in_all(claim));
        let held = |key| work.held.get(&key).copied().unwrap_or(0);
        let fits = |key| held(key) + seats <= hold::SEATS_PER_ACCOUNT_AND_FLIGHT;
        let held_in_all = work.held_unverified.get(&owner).copied().unwrap_or(0);
        let fits_in_all = claim.allowance != Allowance::Unverified
            || held_in_all + in_all <= hold::SEATS_PER_UNVERIFIED_ACCOUNT;
        if fits_in_all && owners(claim).all(fits) {
            owners(claim).for_each(|key| *work.held.entry(key).or_default() += seats);
            *work.held_unverified.entry(owner).or_default() += in_all;
            allowed.push(candidate);
        } else {
            work.refuse(candidate.index, Refusal::HoldLimit);
        }
    }
    allowed
}

/// Seats that a claim wants on each of its flights.
fn seats_per_flight(claim: &Claim) -> i64 {
    let seats = claim.order.passengers.iter().filter(|one| one.kind.has_seat()).count();
    i64::try_from(seats).unwrap_or(i64::MAX)
}

/// Seats that a claim wants on all of its flights together.
fn seats_in_all(claim: &Claim) -> i64 {
    let flights = i64::try_from(claim.order.segments.len()).unwrap_or(i64::MAX);
    seats_per_flight(claim).saturating_mul(flights)
}

/// Gives each candidate its seats, if all of them and the keys of its passengers are free. The others have lost.
fn seat<'a>(
    work: &mut BatchWork<'_>,
    candidates: Vec<Candidate<'a>>,
) -> (Vec<Candidate<'a>>, Vec<(Candidate<'a>, Refusal)>) {
    let (mut winners, mut losers) = (Vec::with_capacity(candidates.len()), Vec::new());
    for candidate in candidates {
        let taken: Vec<_> = candidate.seats().filter(|seat| !work.occupancy.is_free(*seat)).collect();
        let travels = |key| work.occupancy.has_traveller(key).unwrap_or(false);
        if !taken.is_empty() {
            losers.push((candidate, Refusal::SeatTaken(taken)));
        } else if candidate.passenger_keys().any(travels) {
            losers.push((candidate, Refusal::PassengerAlreadyBooked));
        } else {
            work.occupancy.take(candidate.claim.seats(), candidate.claim.travellers());
            winners.push(candidate);
        }
    }
    (winners, losers)
}

/// Losers are refused, each unless what was in its own way are holds that have ended: without these it tries
/// again. (Where others' were, too, it is refused when it comes again: then none has ended.)
async fn judge(
    store: &impl LedgerStore,
    work: &mut BatchWork<'_>,
    losers: Vec<(Candidate<'_>, Refusal)>,
) -> StoreResult<()> {
    if losers.is_empty() {
        return Ok(());
    }
    let claims = || losers.iter().map(|(loser, _)| loser.claim);
    let seats: Vec<_> = claims().flat_map(Claim::seats).collect();
    let travellers: Vec<_> = claims().flat_map(blocking_rows).collect();
    let stale = store.stale_holds(&seats, &travellers).await?;
    for (loser, refusal) in losers {
        // What this batch ends is still written there, but was not in the way: an earlier claim was.
        let lives = |id: &BookingId| {
            work.bookings.get(id).is_none_or(|booking| booking.status == BookingStatus::Held)
        };
        let own = stale.iter().filter(|hold| loser.wants(hold.has)).map(|hold| hold.booking);
        let own: BTreeSet<BookingId> = own.filter(lives).collect();
        match own.is_empty() {
            true => work.refuse(loser.index, refusal),
            false => {
                work.verdicts[loser.index] = Some(Verdict::RetryAfterExpiring(own.into_iter().collect()))
            }
        }
    }
    Ok(())
}

/// Draws of a locator before it is given up: with a billion of them, two in a row are rare.
const DRAWS: usize = 8;

/// A locator for each winner that no booking has. `used`: those of theirs that bookings have.
async fn draw_locators(
    (store, ids): (&impl LedgerStore, &impl Ids),
    winners: &[Candidate<'_>],
    mut used: HashSet<Locator>,
) -> StoreResult<Vec<Locator>> {
    let mut locators: Vec<_> = winners.iter().map(|winner| winner.claim.locator.clone()).collect();
    for _ in 0..DRAWS {
        let mut free = true;
        for locator in &mut locators {
            // Also against those drawn before it.
            if !used.insert(locator.clone()) {
                *locator = ids.locator();
                free = false;
            }
        }
        if free {
            return Ok(locators);
        }
        used = store.used_locators(&locators).await?;
    }
    Err(StoreError::new(StoreFault::Other, "no free locator was drawn"))
}

/// Makes the winners' bookings, to be written with everything else.
fn write_winners(
    work: &mut BatchWork<'_>,
    winners: &[Candidate<'_>],
    locators: Vec<Locator>,
    documents: Vec<i64>,
) -> StoreResult<()> {
    let mut documents = documents.into_iter();
    for (winner, locator) in winners.iter().zip(locators) {
        let mut booking = made_now(work, winner.claim, locator);
        let first = booking.segments.first().and_then(|segment| work.flights.get(&segment.flight_id));
        if let Some(flight) = first {
            booking.draw_tickets(&flight.airline.accounting_code, &mut documents);
        }
        let state = present(&booking, &work.flights, work.now)?;
        // A purchase in one call is told of when it is confirmed, or when its payment was declined.
        if winner.claim.payment.is_none() {
            work.writes.emit(EventType::BookingHeld, &state, work.items[winner.index].1);
            if let Some(key) = &winner.claim.key {
                work.writes.answer((&key.scope, booking.id), 201, state.text());
            }
        }
        work.verdicts[winner.index] = Some(Verdict::Answer(Outcome::Done(state)));
        if winner.claim.allowance == Allowance::Unverified {
            let seats = i16::try_from(seats_in_all(winner.claim)).unwrap_or(i16::MAX);
            work.writes.hold(UnverifiedHold { owner: booking.owner_id, booking: booking.id, seats });
        }
        work.writes.make(booking);
    }
    Ok(())
}

/// The booking as it is written.
fn made_now(work: &BatchWork<'_>, claim: &Claim, locator: Locator) -> Booking {
    let now = work.now;
    let departures = claim.order.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    let departure = departures.map(|flight| flight.departure_at).min().unwrap_or(now);
    let end = claim.hold.end(now, departure);
    let mut segments = claim.order.segments.clone();
    for segment in &mut segments {
        segment.flight_version = work.flights.get(&segment.flight_id).map_or(0, |flight| flight.version);
    }
    let mut booking = Booking {
        id: claim.id,
        locator,
        owner_id: claim.order.owner,
        status: BookingStatus::Held,
        payment_status: BookingPaymentStatus::Awaiting,
        hold_expires_at: end,
        currency: claim.order.currency,
        contact: claim.order.contact.clone(),
        segments,
        passengers: claim.order.passengers.clone(),
        payments: Vec::new(),
        refunds: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
        confirmed_at: None,
    };
    if let Some(order) = &claim.payment {
        let payment = payments::started(order, booking.total(), (end, now), claim.key.as_ref(), 201);
        booking.payments = vec![payment];
        booking.payment_status = BookingPaymentStatus::Processing;
        booking.hold_expires_at = hold::prolonged(end, now, work.payment_grace, departure);
    }
    booking
}
