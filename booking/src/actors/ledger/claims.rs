//! Claims: the seats first, which are the fence, then the rows of the winners only.

use super::{
    batch::{Verdict, Work, seat_rows, traveller_rows},
    changes::present,
    command::{Claim, Outcome},
    payments,
    tables::Tables,
};
use crate::domain::{
    booking::Booking,
    flight, hold,
    refusal::{FlightSeat, Refusal},
};
use diesel::QueryResult;
use shared::{
    events::{BookingPaymentStatus, EventType},
    ids::{BookingId, FlightId, UserId},
};
use std::collections::{HashMap, HashSet};

/// A claim that may try for its seats.
struct Candidate<'a> {
    index: usize,
    claim: &'a Claim,
}

impl Candidate<'_> {
    fn seats(&self) -> impl Iterator<Item = FlightSeat> + '_ {
        self.claim.booking.seats().map(|(flight_id, designator)| FlightSeat { flight_id, designator })
    }

    fn travellers(&self) -> impl Iterator<Item = (FlightId, UserId, i64)> + '_ {
        let booking = &self.claim.booking;
        booking.segments.iter().flat_map(move |segment| {
            booking.passengers.iter().map(move |one| (segment.flight_id, booking.owner_id, one.fingerprint()))
        })
    }
}

/// Decides the claims of the batch, in their order.
pub(super) async fn run(tables: &mut impl Tables, work: &mut Work<'_>) -> QueryResult<()> {
    let bookable = bookable(work);
    if bookable.is_empty() {
        return Ok(());
    }
    let allowed = within_limits(tables, work, bookable).await?;
    let (candidates, aside) = set_aside(allowed);
    let seated = take_seats(tables, work, candidates).await?;
    let winners = enter_travellers(tables, work, seated).await?;
    judge_aside(work, &winners, &aside);
    write_winners(tables, work, &winners).await
}

/// The claims all of whose flights can be booked now.
fn bookable<'a>(work: &mut Work<'a>) -> Vec<Candidate<'a>> {
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
        match claim.booking.segments.iter().try_for_each(|segment| open(&segment.flight_id)) {
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
async fn within_limits<'a>(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    candidates: Vec<Candidate<'a>>,
) -> QueryResult<Vec<Candidate<'a>>> {
    let limited = |claim: &Claim| !claim.exempt;
    let flights = |claim: &Claim| -> Vec<(FlightId, UserId)> {
        claim.booking.segments.iter().map(|segment| (segment.flight_id, claim.booking.owner_id)).collect()
    };
    let asked: Vec<_> =
        candidates.iter().filter(|one| limited(one.claim)).flat_map(|one| flights(one.claim)).collect();
    if asked.is_empty() {
        return Ok(candidates);
    }
    let mut held = tables.held_seats(&asked).await?;
    let mut allowed = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        if !limited(candidate.claim) {
            allowed.push(candidate);
            continue;
        }
        let seats = candidate.claim.booking.passengers.iter().filter(|one| one.kind.has_seat()).count();
        let seats = i64::try_from(seats).unwrap_or(i64::MAX);
        let fits = |key: &(FlightId, UserId)| {
            held.get(key).copied().unwrap_or(0) + seats <= hold::SEATS_PER_ACCOUNT_AND_FLIGHT
        };
        let keys = flights(candidate.claim);
        if keys.iter().all(fits) {
            keys.into_iter().for_each(|key| *held.entry(key).or_default() += seats);
            allowed.push(candidate);
        } else {
            work.refuse(candidate.index, Refusal::HoldLimit);
        }
    }
    Ok(allowed)
}

/// Sets aside claims that want what an earlier one of the batch wants: whether they have lost is not
/// known before that one has won.
fn set_aside(candidates: Vec<Candidate<'_>>) -> (Vec<Candidate<'_>>, Vec<Candidate<'_>>) {
    let (mut seats, mut travellers) = (HashSet::new(), HashSet::new());
    candidates.into_iter().partition(|candidate| {
        let free = candidate.seats().all(|seat| !seats.contains(&seat))
            && candidate.travellers().all(|traveller| !travellers.contains(&traveller));
        if free {
            seats.extend(candidate.seats());
            travellers.extend(candidate.travellers());
        }
        free
    })
}

/// The fence: who does not get all of its seats has lost, and what it got is given back.
async fn take_seats<'a>(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    candidates: Vec<Candidate<'a>>,
) -> QueryResult<Vec<Candidate<'a>>> {
    let wanted: Vec<_> =
        candidates.iter().flat_map(|candidate| seat_rows(&candidate.claim.booking, false)).collect();
    let mut taken: HashMap<BookingId, HashSet<FlightSeat>> = HashMap::new();
    let mut rows = tables.take_seats(&wanted).await?;
    for row in &rows {
        taken.entry(row.booking).or_default().insert(row.seat);
    }
    let mut seated = Vec::with_capacity(candidates.len());
    let mut lost = HashSet::new();
    for candidate in candidates {
        let id = candidate.claim.booking.id;
        let got = taken.remove(&id).unwrap_or_default();
        let missing: Vec<_> = candidate.seats().filter(|seat| !got.contains(seat)).collect();
        if missing.is_empty() {
            seated.push(candidate);
            continue;
        }
        lost.insert(id);
        work.refuse(candidate.index, Refusal::SeatTaken(missing));
    }
    rows.retain(|row| lost.contains(&row.booking));
    tables.give_back(&rows, &[]).await?;
    Ok(seated)
}

/// The second fence: nobody is on a flight twice in the live bookings of an account.
async fn enter_travellers<'a>(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    seated: Vec<Candidate<'a>>,
) -> QueryResult<Vec<Candidate<'a>>> {
    if seated.is_empty() {
        return Ok(seated);
    }
    let wanted: Vec<_> =
        seated.iter().flat_map(|candidate| traveller_rows(&candidate.claim.booking)).collect();
    let entered = tables.enter_travellers(&wanted).await?;
    let (mut seats, mut travellers) = (Vec::new(), Vec::new());
    let mut winners = Vec::with_capacity(seated.len());
    for candidate in seated {
        let booking = &candidate.claim.booking;
        if entered.get(&booking.id).copied().unwrap_or(0) == candidate.travellers().count() {
            winners.push(candidate);
            continue;
        }
        seats.extend(seat_rows(booking, false));
        travellers.extend(traveller_rows(booking));
        work.refuse(candidate.index, Refusal::PassengerAlreadyBooked);
    }
    tables.give_back(&seats, &travellers).await?;
    Ok(winners)
}

/// Those set aside have lost to a winner, or try again.
fn judge_aside(work: &mut Work<'_>, winners: &[Candidate<'_>], aside: &[Candidate<'_>]) {
    let seats: HashSet<FlightSeat> = winners.iter().flat_map(Candidate::seats).collect();
    let travellers: HashSet<_> = winners.iter().flat_map(Candidate::travellers).collect();
    for candidate in aside {
        let lost: Vec<_> = candidate.seats().filter(|seat| seats.contains(seat)).collect();
        if !lost.is_empty() {
            work.refuse(candidate.index, Refusal::SeatTaken(lost));
        } else if candidate.travellers().any(|traveller| travellers.contains(&traveller)) {
            work.refuse(candidate.index, Refusal::PassengerAlreadyBooked);
        } else {
            work.verdicts[candidate.index] = Some(Verdict::Again);
        }
    }
}

async fn write_winners(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    winners: &[Candidate<'_>],
) -> QueryResult<()> {
    let mut bookings: Vec<Booking> = winners.iter().map(|winner| made_now(work, winner.claim)).collect();
    tables.insert_bookings(&mut bookings).await?;
    for (winner, booking) in winners.iter().zip(&bookings) {
        let state = present(booking, &work.flights, work.now)?;
        work.changes.seats_of(booking);
        // A purchase in one call is told of when it is confirmed, or when its payment was declined.
        if winner.claim.payment.is_none() {
            work.changes.tell_of(EventType::BookingHeld, &state, work.items[winner.index].1);
            if let Some(key) = &winner.claim.key {
                work.changes.answer(&key.scope, 201, &state)?;
            }
        }
        work.verdicts[winner.index] = Some(Verdict::Answer(Outcome::Done(state)));
    }
    Ok(())
}

/// The booking as it is written.
fn made_now(work: &Work<'_>, claim: &Claim) -> Booking {
    let now = work.now;
    let departures = claim.booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    let departure = departures.map(|flight| flight.departure_at).min().unwrap_or(now);
    let end = claim.hold.end(now, departure);
    let mut segments = claim.booking.segments.clone();
    for segment in &mut segments {
        segment.flight_version = work.flights.get(&segment.flight_id).map_or(0, |flight| flight.version);
    }
    let mut booking = Booking {
        segments,
        hold_expires_at: end,
        version: 1,
        created_at: now,
        updated_at: now,
        confirmed_at: None,
        ..claim.booking.clone()
    };
    if let Some(order) = &claim.payment {
        let payment = payments::started(order, booking.total(), (end, now), claim.key.as_ref(), 201);
        booking.payments = vec![payment];
        booking.payment_status = BookingPaymentStatus::Processing;
        booking.hold_expires_at = hold::prolonged(end, now, work.settle, departure);
    }
    booking
}
