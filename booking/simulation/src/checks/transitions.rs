//! Which transitions of a booking are allowed.

use crate::{
    checks::{
        amendments, cancellations,
        check_result::{CheckResult, demand},
    },
    database::ModelRows,
};
use booking_engine::{
    booking::{hold, itinerary, record::Booking},
    ledger::command::Command,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::events::{BookingPaymentStatus, BookingStatus};

/// Only allowed transitions, with their clock, for commands that were carried out.
pub(crate) fn check(
    rows: &ModelRows,
    before: Option<&Booking>,
    now: &Booking,
    (done, clock): (&[&Command], DateTime<Utc>),
) -> CheckResult {
    let id = now.id;
    let Some(before) = before else {
        return demand(now.status == BookingStatus::Held, || {
            format!("booking {id} was made {:?}", now.status)
        });
    };
    demand(now.version > before.version, || format!("the version of booking {id} did not grow"))?;
    let waited = before.payment_status == BookingPaymentStatus::Awaiting;
    // Of the hold as it is now: a payment may have been declined in the same transaction.
    let ended =
        now.payment_status == BookingPaymentStatus::Awaiting && hold::has_ended(now.hold_expires_at, clock);
    let allowed = match (before.status, now.status) {
        (from, to) if from == to => true,
        // It was decided a moment before the end of the transaction.
        (BookingStatus::Held, BookingStatus::Confirmed) => {
            !waited && !hold::has_ended(before.hold_expires_at, clock - TimeDelta::seconds(1))
        }
        (BookingStatus::Held, BookingStatus::Expired) => ended,
        (BookingStatus::Held | BookingStatus::Confirmed, BookingStatus::Cancelled) => {
            cancellations::cancels(rows, done)
        }
        _ => false,
    };
    demand(allowed, || {
        format!(
            "booking {id} went from {:?} to {:?} (hold until {}, now {clock})",
            before.status, now.status, before.hold_expires_at
        )
    })?;
    amendments::check(before, now, done)
}

/// A payment is started and confirmed only of a journey whose flights follow each other.
pub(crate) fn check_journey(rows: &ModelRows, before: Option<&Booking>, now: &Booking) -> CheckResult {
    let is_paying = |one: &Booking| one.payment_status == BookingPaymentStatus::Processing;
    let is_paid = |one: &Booking| one.status == BookingStatus::Confirmed;
    let starts = is_paying(now) && !before.is_some_and(is_paying);
    let confirms = is_paid(now) && !before.is_some_and(is_paid);
    let flights = now.flights().filter_map(|id| rows.states.get(&id));
    let possible = itinerary::is_possible(flights.map(|state| (state.departure.at, state.arrival.at)));
    demand(possible || !(starts || confirms), || {
        format!("booking {} was paid, though its journey is impossible", now.id)
    })
}
