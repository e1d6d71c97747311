//! Which commands cancel a booking, and what it gives back then.

use crate::{
    checks::{
        carried_commands::CarriedCommands,
        check_result::{CheckResult, demand},
    },
    database::{ModelKeyRow, ModelRows},
};
use booking_engine::{
    booking::{idempotency::StoredAnswer, record::Booking, refusal::Refusal},
    ledger::{
        command::{Command, Outcome},
        work::Verdict,
    },
    payment::{quote::QuoteId, record::PaymentState},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use shared::{
    events::{BookingStatus, FlightStatus},
    ids::{BookingId, FlightId},
};

/// Whether the airline does not fly it.
pub(crate) fn is_cancelled(rows: &ModelRows, flight: FlightId) -> bool {
    rows.states.get(&flight).is_some_and(|state| state.status == FlightStatus::Cancelled)
}

/// Whether any of these commands may cancel its booking.
pub(crate) fn cancels(rows: &ModelRows, done: &[&Command]) -> bool {
    done.iter().any(|command| match command {
        Command::Cancel { .. } => true,
        Command::CancelByAirline { flight, .. } => is_cancelled(rows, *flight),
        _ => false,
    })
}

/// No booking that its airline was to cancel lives on: its flight is not flown.
pub(crate) fn check_airline(
    carried: &CarriedCommands<'_>,
    rows: &ModelRows,
    clock: DateTime<Utc>,
) -> CheckResult {
    for (id, flight) in carried.all().filter_map(by_airline) {
        let live = rows
            .bookings
            .get(&id)
            .is_some_and(|booking| booking.is_live() && booking.status_at(clock) != BookingStatus::Expired);
        demand(!(live && is_cancelled(rows, flight)), || {
            format!("booking {id} lives on, though its airline has cancelled flight {flight}")
        })?;
    }
    Ok(())
}

fn by_airline(command: &Command) -> Option<(BookingId, FlightId)> {
    match command {
        Command::CancelByAirline { booking, flight } => Some((*booking, *flight)),
        _ => None,
    }
}

/// A booking that has just been cancelled gives back what was promised: all of it where the airline does
/// not fly, or within a day of the purchase; what was quoted where there was a quote. `began`: the clock when
/// the transaction began.
pub(crate) fn check_refund(
    rows: &ModelRows,
    (before, now): (&Booking, &Booking),
    done: &[&Command],
    began: DateTime<Utc>,
) -> CheckResult {
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

/// Whether an answer is a quote of its key's booking.
pub(crate) fn is_quoted(rows: &ModelRows, key: &ModelKeyRow, answer: &StoredAnswer) -> bool {
    let shown: Value = serde_json::from_str(&answer.booking).unwrap_or_default();
    let id = shown["quote_id"].as_str().and_then(|id| id.parse().ok());
    id.and_then(|id| rows.quotes.get(&QuoteId(id))).is_some_and(|quote| quote.booking == key.booking)
}

/// What a cancellation was quoted with, and whether a quote was refused that is good.
pub(crate) fn check_quote(
    rows: &ModelRows,
    (command, verdict): (&Command, &Verdict),
    clock: DateTime<Utc>,
) -> CheckResult {
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
