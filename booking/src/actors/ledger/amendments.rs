//! Changes of bookings by their travellers: contact, names, seats. Seats and places are had as by new
//! bookings.

use super::{
    batch::{Verdict, Work},
    changes::present,
    command::{At, Command, Outcome},
    tables::Tables,
    transitions::Transition,
};
use crate::store::{seats::SeatRow, travellers::TravellerRow};
use booking_engine::{
    booking::{
        name_correction::{Corrected, NameCorrection},
        presentation::ShownBooking,
        record::Booking,
        refusal::{FlightSeat, Refusal},
        seat_change::{self, Reseating, SeatChange},
    },
    inventory::flight,
    passengers::contact::ContactPatch,
};
use diesel::QueryResult;
use shared::{
    events::{BookingAction, BookingStatus, EventType},
    ids::BookingId,
    trace::TraceContext,
};

/// Changes a contact.
pub(super) fn change_contact(
    work: &mut Work<'_>,
    booking: &mut Booking,
    patch: &ContactPatch,
    trace: Option<TraceContext>,
) -> QueryResult<Transition> {
    match booking.change_contact(patch, work.now) {
        Ok(false) => Ok(Ok(None)),
        Ok(true) => {
            work.changes.contact(booking);
            told_of(work, booking, trace).map(|told| Ok(Some(told)))
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

/// Corrects a name. The person leaves their place on each flight for the one under the new name.
pub(super) async fn correct_name(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    booking: &mut Booking,
    correction: &NameCorrection,
    trace: Option<TraceContext>,
) -> QueryResult<Transition> {
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
        Ok(_) => return Ok(Ok(None)),
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !change_places(tables, work, booking, corrected).await? {
        return Ok(Err(Refusal::PassengerAlreadyBooked));
    }
    *booking = after;
    work.changes.passengers(booking);
    told_of(work, booking, trace).map(|told| Ok(Some(told)))
}

/// Gives a corrected person the places under the new name for those under the old one; not where somebody has
/// them.
async fn change_places(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    booking: &Booking,
    corrected: Corrected,
) -> QueryResult<bool> {
    let Corrected { fingerprints: (before, now), left, has_namesake, seated, .. } = corrected;
    if left.is_empty() {
        return Ok(true);
    }
    let mut left: Vec<_> = left.into_iter().map(|fingerprint| places(booking, fingerprint, seated)).collect();
    let wanted = places(booking, now, seated);
    let asked: Vec<_> = left.iter().flatten().chain(&wanted).map(TravellerRow::place).collect();
    let known = tables.places_taken(&asked).await?;
    let travels = |row: &TravellerRow| {
        let place = row.place();
        work.occupancy.has_traveller(place).unwrap_or_else(|| known.contains(&place))
    };
    if has_namesake && let Some(own) = left.iter().position(|places| places.iter().any(travels)) {
        left = vec![left.swap_remove(own)];
    }
    let left: Vec<_> = left.into_iter().flatten().collect();
    // A change of spelling keeps the same place, unless an earlier release has stored it under the spelling.
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

/// Tells that a booking has changed.
pub(super) fn told_of(
    work: &mut Work<'_>,
    booking: &Booking,
    trace: Option<TraceContext>,
) -> QueryResult<ShownBooking> {
    let state = present(booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingChanged, &state, trace);
    Ok(state)
}

/// Changes seats: all of the wanted ones or none; then the old ones come free.
pub(super) fn change_seats(work: &mut Work<'_>) -> QueryResult<()> {
    for (index, (command, _)) in work.items.iter().enumerate() {
        let Command::ChangeSeats { at, changes } = command else { continue };
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

/// What a change that is allowed comes to.
fn allowed(work: &Work<'_>, at: At, changes: &[SeatChange]) -> Result<Reseating, Refusal> {
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

/// The seats are the booking's: it says so now.
fn reseat(
    work: &mut Work<'_>,
    (index, booking): (usize, BookingId),
    reseating: Reseating,
) -> QueryResult<()> {
    let Some(mut booking) = work.bookings.remove(&booking) else { return Ok(()) };
    let state = if reseating.is_nothing(&booking) {
        present(&booking, &work.flights, work.now)?
    } else {
        let sold = booking.status == BookingStatus::Confirmed;
        let row = |seat: &FlightSeat, sold| SeatRow { seat: *seat, booking: booking.id, sold };
        reseating.left.iter().for_each(|seat| work.occupancy.free_seat(row(seat, false)));
        reseating.wanted.iter().for_each(|seat| work.occupancy.take_seat(row(seat, sold)));
        booking.reseat(reseating, work.now);
        work.changes.passengers(&booking);
        told_of(work, &booking, work.items[index].1)?
    };
    work.verdicts[index] = Some(Verdict::Answer(Outcome::Done(state)));
    work.bookings.insert(booking.id, booking);
    Ok(())
}
