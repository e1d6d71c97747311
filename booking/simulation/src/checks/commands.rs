//! What commands have changed of a booking, what they have left alone, and what they have given back.

use super::{Checked, demand};
use crate::simulation::database::{KeyRow, Rows};
use booking_engine::ledger::{
    command::{Command, Outcome},
    decide::{Item, Verdict},
};
use booking_engine::{
    booking::{
        idempotency::StoredAnswer,
        record::{Booking, Segment},
        refusal::Refusal,
    },
    passengers::passenger::Passenger,
    payment::{quote::QuoteId, record::PaymentState},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use shared::{
    events::{BookingState, BookingStatus, FlightStatus},
    ids::{BookingId, FlightId},
};
use std::{borrow::Cow, collections::BTreeMap};

/// The commands that a transaction has carried out, in their order, by their bookings.
pub(in crate::simulation) struct Carried<'a>(BTreeMap<BookingId, Vec<&'a Command>>);

impl<'a> Carried<'a> {
    pub(in crate::simulation) fn of(items: &[Item<'a>], verdicts: &[Verdict]) -> Self {
        let mut carried: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((command, _), verdict) in items.iter().zip(verdicts) {
            if matches!(verdict, Verdict::Answer(Outcome::Done(_))) {
                carried.entry(command.booking()).or_default().push(*command);
            }
        }
        Self(carried)
    }

    pub(super) fn about(&self, booking: BookingId) -> &[&'a Command] {
        self.0.get(&booking).map_or(&[], Vec::as_slice)
    }

    /// No booking that its airline was to cancel lives on: its flight is not flown.
    pub(super) fn check_airline(&self, rows: &Rows, clock: DateTime<Utc>) -> Checked {
        let commands = self.0.values().flatten();
        for (id, flight) in commands.filter_map(|command| by_airline(command)) {
            let live = rows.bookings.get(&id).is_some_and(|booking| {
                booking.is_live() && booking.status_at(clock) != BookingStatus::Expired
            });
            demand(!(live && is_cancelled(rows, flight)), || {
                format!("booking {id} lives on, though its airline has cancelled flight {flight}")
            })?;
        }
        Ok(())
    }
}

fn by_airline(command: &Command) -> Option<(BookingId, FlightId)> {
    match command {
        Command::CancelByAirline { booking, flight } => Some((*booking, *flight)),
        _ => None,
    }
}

/// Whether the airline does not fly it.
pub(super) fn is_cancelled(rows: &Rows, flight: FlightId) -> bool {
    rows.states.get(&flight).is_some_and(|state| state.status == FlightStatus::Cancelled)
}

/// Whether any of these commands may cancel its booking.
pub(super) fn cancels(rows: &Rows, done: &[&Command]) -> bool {
    done.iter().any(|command| match command {
        Command::Cancel { .. } => true,
        Command::CancelByAirline { flight, .. } => is_cancelled(rows, *flight),
        _ => false,
    })
}

/// A booking is as the commands were to leave it, and nothing else of it has changed.
pub(super) fn check(before: &Booking, now: &Booking, done: &[&Command]) -> Checked {
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
    // Who may amend it has a hold that lasts, or has paid.
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
fn check_segments(before: &Booking, now: &Booking, done: &[&Command]) -> Checked {
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
pub(super) fn check_left(rows: &Rows, before: &Booking, now: &Booking) -> Checked {
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

/// A booking that has just been cancelled gives back what was promised: all of it where the airline does
/// not fly, or within a day of the purchase; what was quoted where there was a quote. `began`: the clock when
/// the transaction began.
pub(super) fn check_refund(
    rows: &Rows,
    (before, now): (&Booking, &Booking),
    done: &[&Command],
    began: DateTime<Utc>,
) -> Checked {
    if !before.is_live() || now.status != BookingStatus::Cancelled {
        return Ok(());
    }
    let id = now.id;
    let paid = now.payments.iter().filter(|one| one.state == PaymentState::Confirmed);
    let paid: i64 = paid.map(|one| one.amount).sum();
    let refunded: i64 = now.refunds.iter().map(|refund| refund.amount).sum();
    if now.flights().any(|flight| is_cancelled(rows, flight)) {
        return demand(refunded == paid, || {
            format!("the airline has cancelled booking {id}: {paid} were paid, {refunded} are given back")
        });
    }
    let quotes = done.iter().filter_map(|command| match command {
        Command::Cancel { quote, .. } => *quote,
        _ => None,
    });
    for quote in quotes {
        let quote = rows.quotes.get(&quote).ok_or_else(|| format!("booking {id}: there is no such quote"))?;
        let good = quote.booking == id && quote.version == before.version && began < quote.expires_at;
        demand(good && quote.refund.total() == refunded, || {
            format!("booking {id} was cancelled on {quote:?}, and {refunded} are given back")
        })?;
    }
    let quoted = done.iter().any(|command| matches!(command, Command::Cancel { quote: Some(_), .. }));
    let departs =
        now.flights().filter_map(|flight| rows.flights.get(&flight)).map(|row| row.departure_at).min();
    let fresh = before.confirmed_at.is_some_and(|bought| now.updated_at - bought <= TimeDelta::hours(24));
    demand(quoted || !fresh || departs.is_some_and(|at| now.updated_at >= at) || refunded == paid, || {
        format!("booking {id} was bought within a day: {paid} were paid, {refunded} are given back")
    })
}

/// Whether names, seats and contact are as somebody was told.
pub(super) fn is_told(booking: &Booking, told: &BookingState) -> bool {
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

/// Whether an answer is a quote of its key's booking.
pub(super) fn is_quoted(rows: &Rows, key: &KeyRow, answer: &StoredAnswer) -> bool {
    let shown: Value = serde_json::from_str(&answer.booking).unwrap_or_default();
    let id = shown["quote_id"].as_str().and_then(|id| id.parse().ok());
    id.and_then(|id| rows.quotes.get(&QuoteId(id))).is_some_and(|quote| quote.booking == key.booking)
}

/// What a cancellation was quoted with, and whether a quote was refused that is good.
pub(in crate::simulation) fn check_quote(
    rows: &Rows,
    (command, verdict): (&Command, &Verdict),
    clock: DateTime<Utc>,
) -> Checked {
    match (command, verdict) {
        (Command::Quote { .. }, Verdict::Answer(Outcome::Quoted(quote, _))) => {
            let booking = rows.booking(quote.booking).ok_or("a quote is of no booking")?;
            let paid = booking.payments.iter().filter(|one| one.state == PaymentState::Confirmed);
            let paid: i64 = paid.map(|one| one.amount).sum();
            let back = quote.refund.total();
            let full = back == paid || !booking.flights().any(|flight| is_cancelled(rows, flight));
            demand(back >= 0 && quote.penalty >= 0 && back + quote.penalty == paid && full, || {
                format!("of booking {} {paid} were paid, and {quote:?} was given", booking.id)
            })
        }
        (
            Command::Cancel { at, quote: Some(id), .. },
            Verdict::Answer(Outcome::Refused(Refusal::QuoteExpired)),
        ) => {
            let good = rows.quotes.get(id).is_some_and(|quote| {
                let version = rows.bookings.get(&at.booking).map(|booking| booking.version);
                quote.booking == at.booking && version == Some(quote.version) && clock < quote.expires_at
            });
            demand(!good, || format!("a quote of booking {} is good, and was refused", at.booking))
        }
        _ => Ok(()),
    }
}
