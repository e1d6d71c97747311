//! Changes of bookings by their travellers: contact, names, seats. The fences hold for these as for new
//! bookings.

use super::{
    batch::{Verdict, Work},
    changes::present,
    command::{Command, Outcome},
    tables::Tables,
};
use crate::{
    domain::{
        booking::Booking,
        contact::ContactPatch,
        flight,
        name_correction::NameCorrection,
        refusal::{FlightSeat, Refusal},
        seat_change::{self, Reseating},
    },
    store::{seats::SeatRow, travellers::TravellerRow},
};
use diesel::QueryResult;
use shared::{
    events::{BookingAction, BookingStatus, EventType},
    ids::BookingId,
    telemetry::trace::TraceContext,
};
use std::collections::{HashMap, HashSet};

/// Changes a contact.
pub(super) fn change_contact(
    work: &mut Work<'_>,
    booking: &mut Booking,
    patch: &ContactPatch,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    match booking.change_contact(patch, work.now) {
        Ok(false) => Ok(Ok(())),
        Ok(true) => {
            work.changes.contact(booking);
            told_of(work, booking, trace).map(Ok)
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// The places of a person of a booking on its flights.
fn places(booking: &Booking, fingerprint: i64, seated: bool) -> Vec<TravellerRow> {
    let (owner, booking_id) = (booking.owner_id, booking.id);
    let flights = booking.segments.iter().map(|segment| segment.flight_id);
    flights.map(|flight| TravellerRow { flight, owner, fingerprint, booking: booking_id, seated }).collect()
}

/// The places that a correction will want, by the booking as it was read before: owner and flights do not
/// change, and whoever is only corrected twice at once is looked for in vain.
pub(crate) fn places_wanted(booking: &Booking, correction: &NameCorrection) -> Vec<TravellerRow> {
    let passenger = booking.passengers.iter().find(|one| one.id == correction.passenger);
    let Some(passenger) = passenger else { return Vec::new() };
    match correction.fingerprint_of(passenger) {
        same if same == passenger.fingerprint() => Vec::new(),
        other => places(booking, other, passenger.kind.has_seat()),
    }
}

/// Corrects a name. The person's place on each flight is taken under the new name before the old one is
/// left.
pub(super) async fn correct_name(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    booking: &mut Booking,
    correction: &NameCorrection,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    if let Err(refusal) = booking.stage(work.now).allows(BookingAction::ChangeNames) {
        return Ok(Err(refusal));
    }
    let mut departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    if !departures.all(|flight| flight::is_open(flight.departure_at, work.now)) {
        return Ok(Err(Refusal::FlightNotBookable));
    }
    let mut after = booking.clone();
    let corrected = match after.correct_name(correction, work.now) {
        Ok(corrected) if corrected.changed => corrected,
        Ok(_) => return Ok(Ok(())),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (before, now) = corrected.fingerprints;
    if before != now {
        let wanted = places(booking, now, corrected.seated);
        let entered = tables.enter_travellers(&wanted).await?;
        if entered.get(&booking.id).copied().unwrap_or(0) < wanted.len() {
            tables.give_back(&[], &wanted).await?;
            return Ok(Err(Refusal::PassengerAlreadyBooked));
        }
        tables.give_back(&[], &places(booking, before, corrected.seated)).await?;
    }
    *booking = after;
    work.changes.passengers(booking);
    told_of(work, booking, trace).map(Ok)
}

fn told_of(work: &mut Work<'_>, booking: &Booking, trace: Option<TraceContext>) -> QueryResult<()> {
    let state = present(booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingChanged, &state, trace);
    Ok(())
}

/// A change of seats that may try for them.
struct Candidate {
    index: usize,
    booking: BookingId,
    reseating: Reseating,
}

/// Changes seats: the wanted ones first, through the fence, all of them or none; then the old ones come
/// free. Two changes of one batch that want the same, or concern one booking, do not go together: the
/// later one tries again.
pub(super) async fn change_seats(tables: &mut impl Tables, work: &mut Work<'_>) -> QueryResult<()> {
    let candidates = checked(work)?;
    if candidates.is_empty() {
        return Ok(());
    }
    let (mut seats, mut bookings) = (HashSet::new(), HashSet::new());
    let mut trying = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let free = !bookings.contains(&candidate.booking)
            && candidate.reseating.wanted.iter().all(|seat| !seats.contains(seat));
        if free {
            bookings.insert(candidate.booking);
            seats.extend(candidate.reseating.wanted.iter().copied());
            trying.push(candidate);
        } else {
            work.verdicts[candidate.index] = Some(Verdict::Again(Vec::new()));
        }
    }
    let wanted: Vec<SeatRow> = trying
        .iter()
        .flat_map(|one| {
            let sold = is_sold(work, one.booking);
            rows(&one.reseating.wanted, one.booking, sold)
        })
        .collect();
    let taken = if wanted.is_empty() { Vec::new() } else { tables.take_seats(&wanted).await? };
    let mut got: HashMap<BookingId, HashSet<FlightSeat>> = HashMap::new();
    for row in &taken {
        got.entry(row.booking).or_default().insert(row.seat);
    }
    let mut left = Vec::new();
    for candidate in trying {
        let got = got.remove(&candidate.booking).unwrap_or_default();
        let missing: Vec<_> =
            candidate.reseating.wanted.iter().filter(|seat| !got.contains(seat)).copied().collect();
        if missing.is_empty() {
            left.extend(rows(&candidate.reseating.left, candidate.booking, false));
            reseat(work, candidate)?;
        } else {
            let got: Vec<_> = got.into_iter().collect();
            left.extend(rows(&got, candidate.booking, false));
            work.refuse(candidate.index, Refusal::SeatTaken(missing));
        }
    }
    tables.give_back(&left, &[]).await
}

fn is_sold(work: &Work<'_>, booking: BookingId) -> bool {
    work.bookings.get(&booking).is_some_and(|booking| booking.status == BookingStatus::Confirmed)
}

fn rows(seats: &[FlightSeat], booking: BookingId, sold: bool) -> Vec<SeatRow> {
    seats.iter().map(|seat| SeatRow { seat: *seat, booking, sold }).collect()
}

/// The changes that are allowed; the others get their verdict.
fn checked(work: &mut Work<'_>) -> QueryResult<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for (index, (command, _)) in work.items.iter().enumerate() {
        let Command::ChangeSeats { at, changes } = command else { continue };
        if work.verdicts[index].is_some() {
            continue;
        }
        let Some(booking) = work.bookings.get(&at.booking) else {
            work.refuse(index, Refusal::NotFound);
            continue;
        };
        if at.version.is_some_and(|version| version != booking.version) {
            work.refuse(index, Refusal::Stale);
            continue;
        }
        let open = |flight| {
            let locked = work.locked.get(flight);
            locked.is_some_and(|locked| locked.on_sale && flight::is_open(locked.departure_at, work.now))
        };
        let allowed = booking.stage(work.now).allows(BookingAction::ChangeSeats);
        let reseating = allowed.and_then(|()| seat_change::check(booking, changes, &work.flights));
        match reseating {
            Ok(_) if !changes.iter().all(|change| open(&change.flight)) => {
                work.refuse(index, Refusal::FlightNotBookable);
            }
            Ok(reseating) if reseating.is_nothing(booking) => {
                let state = present(booking, &work.flights, work.now)?;
                work.verdicts[index] = Some(Verdict::Answer(Outcome::Done(state)));
            }
            Ok(reseating) => candidates.push(Candidate { index, booking: at.booking, reseating }),
            Err(refusal) => work.refuse(index, refusal),
        }
    }
    Ok(candidates)
}

/// The seats are the booking's: it says so now.
fn reseat(work: &mut Work<'_>, candidate: Candidate) -> QueryResult<()> {
    let Candidate { index, booking, reseating } = candidate;
    let Some(mut booking) = work.bookings.remove(&booking) else { return Ok(()) };
    let touched = reseating.wanted.iter().chain(&reseating.left).map(|seat| seat.flight_id);
    work.changes.seats_on(touched);
    booking.reseat(reseating, work.now);
    work.changes.passengers(&booking);
    let state = present(&booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingChanged, &state, work.items[index].1);
    work.verdicts[index] = Some(Verdict::Answer(Outcome::Done(state)));
    work.bookings.insert(booking.id, booking);
    Ok(())
}
