//! What commands have changed of a booking, and what they have left alone.

use crate::{
    checks::check_result::{CheckResult, demand},
    database::ModelRows,
};
use booking_engine::{
    booking::record::{Booking, Segment},
    ledger::command::Command,
    passengers::passenger::Passenger,
};
use shared::events::{BookingState, BookingStatus};
use std::borrow::Cow;

/// A booking is as the commands were to leave it, and nothing else of it has changed.
pub(crate) fn check(before: &Booking, now: &Booking, done: &[&Command]) -> CheckResult {
    let id = now.id;
    demand(!done.is_empty() || now.status == BookingStatus::Expired, || {
        format!("booking {id} changed, though nothing was done about it")
    })?;
    let fixed = |one: &Booking| (one.owner_id, one.currency, one.created_at);
    demand(fixed(before) == fixed(now) && before.locator == now.locator, || {
        format!("what never changes of booking {id} did")
    })?;
    let passengers = passengers_after(before, done);
    demand(*passengers == now.passengers, || {
        format!("the passengers of booking {id} should be {passengers:?} and are {:?}", now.passengers)
    })?;
    let contact = done.iter().fold(Cow::Borrowed(&before.contact), |contact, command| match command {
        Command::ChangeContact { patch, .. } => Cow::Owned(patch.apply(&contact)),
        _ => contact,
    });
    demand(*contact == now.contact, || format!("the contact of booking {id} is not as it should be"))?;
    check_segments(before, now, done)?;
    let amends = |command: &&Command| {
        matches!(
            command,
            Command::ChangeSeats { .. } | Command::ChangeContact { .. } | Command::CorrectName { .. }
        )
    };
    // Only a hold that lasts, or a paid booking, may be amended.
    let others = |command: &&Command| !amends(command) && !matches!(command, Command::Reschedule { .. });
    if done.iter().any(amends) && !done.iter().any(others) {
        let kept = |one: &Booking| (one.status, one.payment_status, one.hold_expires_at, one.confirmed_at);
        demand(kept(before) == kept(now), || {
            format!("booking {id} was {:?}, was amended, and is {:?}", kept(before), kept(now))
        })?;
    }
    Ok(())
}

fn passengers_after<'a>(before: &'a Booking, done: &[&Command]) -> Cow<'a, [Passenger]> {
    let mut after = Cow::Borrowed(&before.passengers[..]);
    for command in done {
        match command {
            Command::ChangeSeats { changes, .. } => {
                for change in changes {
                    let passenger = after.to_mut().iter_mut().find(|one| one.id == change.passenger);
                    let segment = before.segment_on(change.flight);
                    if let Some((passenger, segment)) = passenger.zip(segment) {
                        passenger.seats[segment] = Some(change.seat);
                    }
                }
            }
            Command::CorrectName { correction, .. } => {
                let corrected = after.to_mut().iter_mut().find(|one| one.id == correction.passenger);
                let Some(passenger) = corrected else { continue };
                let names = (passenger.given_name.clone(), passenger.family_name.clone());
                let given = correction.given_name.clone().unwrap_or_else(|| names.0.clone());
                let family = correction.family_name.clone().unwrap_or_else(|| names.1.clone());
                if names != (given.clone(), family.clone()) {
                    passenger.booked_name.get_or_insert(names);
                }
                (passenger.given_name, passenger.family_name) = (given, family);
            }
            _ => {}
        }
    }
    after
}

/// Flights, cabins and prices stay; which version a traveller knows of, only news change.
fn check_segments(before: &Booking, now: &Booking, done: &[&Command]) -> CheckResult {
    let same = |old: &Segment, new: &Segment| {
        let news = done.iter().any(|command| match command {
            Command::Reschedule { flight, version, .. } => {
                (*flight, *version) == (new.flight_id, new.flight_version)
            }
            _ => false,
        });
        let grew = new.flight_version > old.flight_version && news;
        (new.flight_version == old.flight_version || grew)
            && Segment { flight_version: old.flight_version, ..new.clone() } == *old
    };
    let pairs = before.segments.iter().zip(&now.segments);
    demand(before.segments.len() == now.segments.len() && pairs.into_iter().all(|(a, b)| same(a, b)), || {
        format!("the flights of booking {} were {:?} and are {:?}", now.id, before.segments, now.segments)
    })
}

/// Nobody keeps a seat that was left for another, or stays on a flight under a name that was corrected.
pub(crate) fn check_left(rows: &ModelRows, before: &Booking, now: &Booking) -> CheckResult {
    for (flight, seat) in before.seats() {
        let holder = rows.seats.get(&flight).and_then(|of| of.get(&seat));
        let own = holder.is_some_and(|holder| holder.booking == now.id);
        demand(!own || now.seats().any(|other| other == (flight, seat)), || {
            format!("booking {} has left seat {seat} of flight {flight}, and has it still", now.id)
        })?;
    }
    let names = |one: &Passenger| (one.given_name.clone(), one.family_name.clone());
    let pairs = before.passengers.iter().zip(&now.passengers);
    for (old, _) in pairs.filter(|(old, new)| names(old) != names(new)) {
        let fingerprint = old.fingerprint();
        if now.passengers.iter().any(|one| one.fingerprint() == fingerprint) {
            continue;
        }
        for segment in &now.segments {
            let entry = rows.travellers.get(&(segment.flight_id, now.owner_id, fingerprint));
            demand(entry.is_none_or(|entry| entry.booking != now.id), || {
                format!("booking {} still has a place under a name that was corrected", now.id)
            })?;
        }
    }
    Ok(())
}

/// Whether names, seats and contact are as a traveller was told.
pub(crate) fn is_told(booking: &Booking, told: &BookingState) -> bool {
    let seats = |one: &Passenger| -> Vec<_> {
        let of = booking.flights().zip(&one.seats);
        of.filter_map(|(flight, seat)| Some((flight, (*seat)?))).collect()
    };
    let pairs = booking.passengers.iter().zip(&told.passengers);
    let mut passengers = pairs.map(|(one, told)| {
        let theirs: Vec<_> = told.seats.iter().map(|seat| (seat.flight_id, seat.designator)).collect();
        one.id == told.id
            && (one.given_name.as_str(), one.family_name.as_str()) == (&told.given_name, &told.family_name)
            && (seats(one) == theirs || !booking.is_live())
    });
    let contact = told.contact.as_ref().is_none_or(|contact| {
        let phone = booking.contact.phone.as_ref().map(|phone| phone.as_str());
        (booking.contact.email.as_str(), phone) == (&contact.email, contact.phone.as_deref())
    });
    passengers.all(|same| same) && contact
}
