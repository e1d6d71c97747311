//! Commands about bookings that exist.

use super::{
    batch::{Verdict, Work},
    changes::present,
    command::{Command, Outcome},
    tables::Tables,
};
use crate::domain::{
    booking::{Booking, Segment},
    idempotency::Key,
    payment::{Payment, PaymentOrder, PaymentState},
    refusal::Refusal,
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use shared::{
    events::{BookingStatus, EventType},
    ids::{BookingId, PaymentId},
    telemetry::trace::TraceContext,
};

/// Carries out the commands about existing bookings, in their order.
pub(super) async fn run(tables: &mut impl Tables, work: &mut Work<'_>) -> QueryResult<()> {
    let confirmed = work.items.iter().filter(|(command, _)| matches!(command, Command::Confirm { .. }));
    let passengers = confirmed.filter_map(|(command, _)| work.bookings.get(&command.booking()));
    let count = passengers.map(|booking| booking.passengers.len()).sum();
    let mut documents = tables.draw_documents(count).await?.into_iter();
    let items = work.items;
    for (index, (command, trace)) in items.iter().enumerate() {
        if work.verdicts[index].is_some() || command.claim().is_some() {
            continue;
        }
        let id = command.booking();
        // Taken out, so that it and the rest can be changed; put back whatever comes.
        let Some(mut booking) = work.bookings.remove(&id) else {
            work.refuse(index, Refusal::NotFound);
            continue;
        };
        let result = match command {
            Command::Claim(_) => continue,
            Command::Pay { payment, key, .. } => pay(work, &mut booking, payment, key.as_ref()),
            Command::Confirm { payment, .. } => {
                confirm(work, &mut booking, *payment, &mut documents, *trace)?
            }
            Command::Decline { payment, void, .. } => decline(work, &mut booking, *payment, *void, *trace)?,
            Command::Cancel { key, .. } => cancel(work, &mut booking, key.as_ref(), *trace)?,
            Command::Expire { .. } => end(work, &mut booking, *trace)?,
        };
        let verdict = match result {
            Ok(()) => Outcome::Done(present(&booking, &work.flights, work.now)?),
            Err(refusal) => Outcome::Refused(refusal),
        };
        work.bookings.insert(id, booking);
        work.verdicts[index] = Some(Verdict::Answer(verdict));
    }
    Ok(())
}

/// A payment that is started now.
pub(super) fn started(
    order: &PaymentOrder,
    amount: i64,
    (held_until, now): (DateTime<Utc>, DateTime<Utc>),
    key: Option<&Key>,
    answer: i16,
) -> Payment {
    Payment {
        id: order.id,
        method: order.method.clone(),
        token: Some(order.token.clone()),
        amount,
        state: PaymentState::Started,
        held_until,
        key_scope: key.map(|key| key.scope.clone()),
        answer,
        created_at: now,
    }
}

fn pay(
    work: &mut Work<'_>,
    booking: &mut Booking,
    order: &PaymentOrder,
    key: Option<&Key>,
) -> Result<(), Refusal> {
    let sold = |segment: &Segment| work.locked.get(&segment.flight_id).is_some_and(|flight| flight.on_sale);
    if booking.status == BookingStatus::Held && !booking.segments.iter().all(sold) {
        // The airline has cancelled a flight meanwhile: no money for what will not be flown.
        return Err(Refusal::FlightNotBookable);
    }
    let payment = started(order, booking.total(), (booking.hold_expires_at, work.now), key, 200);
    let departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    let departs_at = departures.map(|flight| flight.departure_at).min().unwrap_or(work.now);
    booking.start_payment(payment.clone(), (work.settle, departs_at), work.now)?;
    work.changes.start(booking.id, payment);
    work.changes.booking(booking);
    Ok(())
}

/// Repeating it changes nothing and gives the same.
fn confirm(
    work: &mut Work<'_>,
    booking: &mut Booking,
    id: PaymentId,
    documents: &mut impl Iterator<Item = i64>,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    let Some(payment) = booking.payments.iter().find(|payment| payment.id == id).cloned() else {
        return Ok(Err(Refusal::NotFound));
    };
    if matches!(payment.state, PaymentState::Confirmed | PaymentState::Captured) {
        return Ok(Ok(()));
    }
    let first = booking.segments.first().and_then(|segment| work.flights.get(&segment.flight_id)).cloned();
    let Some(flight) = first else { return Ok(Err(Refusal::NotFound)) };
    match booking.confirm(id, &flight.airline.accounting_code, documents, work.now) {
        Ok(entries) => work.changes.book(booking.id, entries),
        Err(refusal) => return Ok(Err(refusal)),
    }
    work.changes.decide(id, PaymentState::Confirmed);
    work.changes.sell(booking);
    work.changes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingConfirmed, &state, trace);
    if let Some(scope) = &payment.key_scope {
        work.changes.answer(scope, payment.answer, &state)?;
    }
    Ok(Ok(()))
}

/// Repeating it changes nothing and gives the same.
fn decline(
    work: &mut Work<'_>,
    booking: &mut Booking,
    id: PaymentId,
    void: bool,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    let Some(payment) = booking.payments.iter().find(|payment| payment.id == id).cloned() else {
        return Ok(Err(Refusal::NotFound));
    };
    if !booking.decline(id, void, work.now) {
        return Ok(Ok(()));
    }
    work.changes.decide(id, if void { PaymentState::ToBeVoided } else { PaymentState::Declined });
    work.changes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    if payment.made_the_booking() && state.status == BookingStatus::Held {
        // What should have been a purchase is a hold: from now on it waits for its traveller.
        work.changes.tell_of(EventType::BookingHeld, &state, trace);
    }
    if let Some(scope) = &payment.key_scope {
        work.changes.answer(scope, 402, &state)?;
    }
    Ok(Ok(()))
}

fn cancel(
    work: &mut Work<'_>,
    booking: &mut Booking,
    key: Option<&Key>,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    let departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    let departs_at = departures.map(|flight| flight.departure_at).min().unwrap_or(work.now);
    let before = booking.refunds.len();
    match booking.cancel(departs_at, work.now) {
        Ok(entries) => work.changes.book(booking.id, entries),
        Err(refusal) => return Ok(Err(refusal)),
    }
    for refund in &booking.refunds[before..] {
        work.changes.refund(booking.id, refund.clone());
    }
    work.changes.free(booking);
    work.changes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingCancelled, &state, trace);
    if let Some(key) = key {
        work.changes.answer(&key.scope, 200, &state)?;
    }
    Ok(Ok(()))
}

fn end(
    work: &mut Work<'_>,
    booking: &mut Booking,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    if booking.expire(work.now) {
        work.changes.free(booking);
        work.changes.booking(booking);
        let state = present(booking, &work.flights, work.now)?;
        work.changes.tell_of(EventType::BookingExpired, &state, trace);
    }
    Ok(Ok(()))
}

/// Ends a hold that stands in the way of a claim, if it has really ended.
pub(super) fn expire(work: &mut Work<'_>, id: BookingId, trace: Option<TraceContext>) -> QueryResult<()> {
    let Some(mut booking) = work.bookings.remove(&id) else { return Ok(()) };
    let ended = end(work, &mut booking, trace);
    work.bookings.insert(id, booking);
    ended.map(drop)
}
