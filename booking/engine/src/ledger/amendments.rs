//! Changes of bookings by their travellers: contact, names, seats. They take seats and passenger keys as claims do.

use crate::{
    booking::{
        name_correction::{Corrected, NameCorrection},
        record::Booking,
        refusal::{FlightSeat, Refusal},
        seat_change::{self, Reseating, SeatChange},
    },
    inventory::flight,
    ledger::{
        command::{BookingRef, Command, Outcome},
        rows::{SeatRow, TravellerRow, Travellers},
        work::{BatchWork, Transition, Verdict},
        write_set_builder::present,
    },
    passengers::{contact::ContactPatch, passenger::Passenger},
    ports::LedgerStore,
    store_error::StoreResult,
};
use shared_types::{
    events::{BookingAction, BookingStatus},
    ids::BookingId,
    trace::TraceContext,
};

/// Changes a contact.
pub(crate) fn change_contact(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    patch: &ContactPatch,
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    match booking.change_contact(patch, work.now) {
        Ok(false) => Ok(Ok(None)),
        Ok(true) => {
            work.writes.contact(booking);
            work.emit_changed(booking, trace).map(|shown| Ok(Some(shown)))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// The rows of a passenger on the flights of a booking, under a fingerprint.
fn rows_under(booking: &Booking, passenger: &Passenger, fingerprint: i64) -> Vec<TravellerRow> {
    Travellers::from(booking).rows_of(passenger, fingerprint).collect()
}

/// The rows that a correction will want, by an earlier reading of the booking. Owner and flights of a booking never
/// change. If two corrections of one passenger run at the same time, the rows of one may be outdated.
pub fn wanted_rows(booking: &Booking, correction: &NameCorrection) -> Vec<TravellerRow> {
    let passenger = booking.passengers.iter().find(|one| one.id == correction.passenger);
    let Some(passenger) = passenger else { return Vec::new() };
    match correction.fingerprint_of(passenger) {
        same if same == passenger.fingerprint() => Vec::new(),
        other => rows_under(booking, passenger, other),
    }
}

/// Corrects a name. The passenger's key on each flight changes with it.
pub(crate) async fn correct_name(
    store: &impl LedgerStore,
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    correction: &NameCorrection,
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    if let Err(refusal) = booking.stage(work.now).allows(BookingAction::ChangeNames) {
        return Ok(Err(refusal));
    }
    let mut departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    if !departures.all(|flight| flight::is_open(flight.departure_at, work.now)) {
        return Ok(Err(Refusal::FlightNotBookable));
    }
    let mut after = booking.clone();
    let passenger = booking.passengers.iter().find(|one| one.id == correction.passenger).cloned();
    let Some(passenger) = passenger else { return Ok(Err(Refusal::NotFound)) };
    let corrected = match after.correct_name(correction, work.now) {
        Ok(corrected) if corrected.changed => corrected,
        Ok(_) => return Ok(Ok(None)),
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !change_keys(store, work, booking, (&passenger, corrected)).await? {
        return Ok(Err(Refusal::PassengerAlreadyBooked));
    }
    *booking = after;
    work.writes.passengers(booking);
    work.emit_changed(booking, trace).map(|shown| Ok(Some(shown)))
}

/// Replaces the passenger keys under the old name by those under the new one. Gives whether the new keys were free.
async fn change_keys(
    store: &impl LedgerStore,
    work: &mut BatchWork<'_>,
    booking: &Booking,
    (passenger, corrected): (&Passenger, Corrected),
) -> StoreResult<bool> {
    let Corrected { fingerprints: (before, now), left, has_namesake, .. } = corrected;
    if left.is_empty() {
        return Ok(true);
    }
    let mut left: Vec<_> =
        left.into_iter().map(|fingerprint| rows_under(booking, passenger, fingerprint)).collect();
    let wanted = rows_under(booking, passenger, now);
    let asked: Vec<_> = left.iter().flatten().chain(&wanted).map(TravellerRow::key).collect();
    let known = store.taken_passengers(&asked).await?;
    let travels = |row: &TravellerRow| {
        let key = row.key();
        work.occupancy.has_traveller(key).unwrap_or_else(|| known.contains(&key))
    };
    if has_namesake && let Some(own) = left.iter().position(|rows| rows.iter().any(travels)) {
        left = vec![left.swap_remove(own)];
    }
    let left: Vec<_> = left.into_iter().flatten().collect();
    // A change of spelling keeps the same key, unless an earlier release has stored a key of the old spelling.
    if before == now && !left.iter().any(travels) {
        return Ok(true);
    }
    if wanted.iter().any(travels) {
        return Ok(false);
    }
    left.into_iter().for_each(|row| work.occupancy.leave(row));
    wanted.into_iter().for_each(|row| work.occupancy.enter(row));
    Ok(true)
}

/// Carries out the changes of seats: a change gets all of its wanted seats or none. Its old seats come free.
pub(crate) fn change_seats(work: &mut BatchWork<'_>) -> StoreResult<()> {
    for (index, (command, _)) in work.items.iter().enumerate() {
        let Command::ChangeSeats { at, changes } = command.plain() else { continue };
        if work.verdicts[index].is_some() {
            continue;
        }
        let reseating = match allowed(work, *at, changes) {
            Ok(reseating) => reseating,
            Err(refusal) => {
                work.refuse(index, refusal);
                continue;
            }
        };
        let taken: Vec<_> =
            reseating.wanted.iter().filter(|seat| !work.occupancy.is_free(**seat)).copied().collect();
        if taken.is_empty() {
            reseat(work, (index, at.booking), reseating)?;
        } else {
            work.refuse(index, Refusal::SeatTaken(taken));
        }
    }
    Ok(())
}

/// Checks a change of seats, except whether the wanted ones are free.
fn allowed(work: &BatchWork<'_>, at: BookingRef, changes: &[SeatChange]) -> Result<Reseating, Refusal> {
    let booking = work.bookings.get(&at.booking).ok_or(Refusal::NotFound)?;
    if at.version.is_some_and(|version| version != booking.version) {
        return Err(Refusal::Stale);
    }
    booking.stage(work.now).allows(BookingAction::ChangeSeats)?;
    let reseating = seat_change::check(booking, changes, &work.flights)?;
    let open = |flight| {
        let locked = work.locked.get(flight);
        locked.is_some_and(|locked| locked.on_sale && flight::is_open(locked.departure_at, work.now))
    };
    match changes.iter().all(|change| open(&change.flight)) {
        true => Ok(reseating),
        false => Err(Refusal::FlightNotBookable),
    }
}

/// Moves the passengers of a booking to seats that are free, and answers the command.
fn reseat(
    work: &mut BatchWork<'_>,
    (index, booking): (usize, BookingId),
    reseating: Reseating,
) -> StoreResult<()> {
    let Some(mut booking) = work.bookings.remove(&booking) else { return Ok(()) };
    let item = work.items[index];
    let before = work.before_audit(item.0, &booking)?;
    let state = if reseating.is_nothing(&booking) {
        present(&booking, &work.flights, work.now)?
    } else {
        let sold = booking.status == BookingStatus::Confirmed;
        let row = |seat: &FlightSeat, sold| SeatRow { seat: *seat, booking: booking.id, sold };
        reseating.left.iter().for_each(|seat| work.occupancy.free_seat(row(seat, false)));
        reseating.wanted.iter().for_each(|seat| work.occupancy.take_seat(row(seat, sold)));
        booking.reseat(reseating, work.now);
        work.writes.passengers(&booking);
        work.emit_changed(&booking, item.1)?
    };
    let outcome = Outcome::Done(state);
    work.audit(item, before.as_ref(), &outcome);
    work.verdicts[index] = Some(Verdict::Answer(outcome));
    work.bookings.insert(booking.id, booking);
    Ok(())
}
