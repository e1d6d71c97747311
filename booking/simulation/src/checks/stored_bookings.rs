//! What a booking may be by itself, and which seats, places and holds it has.

use crate::{
    checks::check_result::{CheckResult, demand},
    database::ModelRows,
    ground::{is_unverified, limits::LONGEST_HOLD},
};
use booking_engine::{
    booking::{hold, record::Booking},
    inventory::flight,
};
use chrono::{DateTime, Utc};
use shared::events::{BookingPaymentStatus, BookingStatus};

/// A booking is whole, has what its status gives it, and its hold ends.
pub(crate) fn check(rows: &ModelRows, booking: &Booking) -> CheckResult {
    check_places(rows, booking)?;
    check_state(booking)?;
    check_end(rows, booking)
}

/// An unverified account holds no more seats in all than it may.
pub(crate) fn check_account(rows: &ModelRows, now: &Booking, clock: DateTime<Utc>) -> CheckResult {
    let owner = now.owner_id;
    let fits = || rows.held_in_all(owner, clock) <= hold::SEATS_PER_UNVERIFIED_ACCOUNT;
    demand(now.status != BookingStatus::Held || !is_unverified(owner) || fits(), || {
        format!("the unverified account {owner} holds too many seats with booking {}", now.id)
    })
}

/// A live booking has all its seats and travellers' places, one that has ended has none.
fn check_places(rows: &ModelRows, booking: &Booking) -> CheckResult {
    let id = booking.id;
    let sold = booking.status == BookingStatus::Confirmed;
    for (flight, seat) in booking.seats() {
        let holder = rows.seats.get(&flight).and_then(|of| of.get(&seat));
        let own = holder.is_some_and(|holder| holder.booking == id);
        demand(own == booking.is_live(), || {
            format!("booking {id} is {:?}, and seat {seat} of {flight} is {holder:?}", booking.status)
        })?;
        demand(!own || holder.is_some_and(|holder| holder.sold == sold), || {
            format!("seat {seat} of booking {id} is not marked as it should be")
        })?;
    }
    for segment in &booking.segments {
        for passenger in &booking.passengers {
            let key = (segment.flight_id, booking.owner_id, passenger.fingerprint());
            let own = rows.travellers.get(&key).is_some_and(|entry| entry.booking == id);
            demand(own == booking.is_live(), || format!("travellers of booking {id} are not as its status"))?;
        }
    }
    Ok(())
}

/// What a booking may be by itself.
fn check_state(booking: &Booking) -> CheckResult {
    let (id, status) = (booking.id, booking.status);
    let longest = booking.updated_at.max(booking.created_at) + LONGEST_HOLD;
    demand(status != BookingStatus::Held || booking.hold_expires_at <= longest, || {
        format!("the hold of booking {id} does not end")
    })?;
    let ticketed = booking.passengers.iter().all(|one| one.ticket_number.is_some());
    demand(ticketed, || format!("booking {id} has no tickets"))?;
    demand(!booking.passengers.is_empty() && !booking.segments.is_empty(), || {
        format!("booking {id} is hollow")
    })
}

/// No hold that waits for its traveller outlives the sales of a flight of its, when it has followed them all.
fn check_end(rows: &ModelRows, booking: &Booking) -> CheckResult {
    let waits = booking.status == BookingStatus::Held
        && booking.payment_status == BookingPaymentStatus::Awaiting
        && booking.flights().all(|flight| !rows.disruptions.contains_key(&flight));
    let mut departures = booking.flights().filter_map(|id| rows.flights.get(&id)).map(|row| row.departure_at);
    let ends = |departure| booking.hold_expires_at <= flight::closes_at(departure);
    demand(!waits || departures.all(ends), || {
        format!("the hold of booking {} outlives the sales of its flights", booking.id)
    })
}
