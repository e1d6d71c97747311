//! Payments within the ledger: started, confirmed, declined.

use crate::{
    booking::{
        idempotency::Key,
        record::{Booking, Segment},
        refusal::Refusal,
    },
    inventory::flight,
    ledger::{
        cancellations::{departs_at, is_cancelled, is_possible},
        rows::LockedFlight,
        work::{BatchWork, Transition},
        write_set_builder::present,
    },
    payment::record::{Payment, PaymentOrder, PaymentState},
    ports::LedgerStore,
    store_error::{StoreError, StoreFault, StoreResult},
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{BookingAction, BookingStatus, EventType},
    ids::PaymentId,
    trace::TraceContext,
};

/// A payment that is started now.
pub(crate) fn started(
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

/// Starts a payment of a hold.
pub(crate) fn pay(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    order: &PaymentOrder,
    key: Option<&Key>,
) -> Result<(), Refusal> {
    // The stage comes first: the flights of an ended or paid booking do not matter any more.
    booking.stage(work.now).allows(BookingAction::Pay)?;
    let is_sold = |flight: &LockedFlight| flight.on_sale && flight::is_open(flight.departure_at, work.now);
    let sold = |segment: &Segment| work.locked.get(&segment.flight_id).is_some_and(is_sold);
    if !booking.segments.iter().all(sold) || !is_possible(work, booking) {
        // The airline has cancelled or moved a flight since. Travellers must not pay for a flight that is cancelled or
        // has left, nor for a journey whose flights no longer follow each other.
        return Err(Refusal::FlightNotBookable);
    }
    let payment = started(order, booking.total(), (booking.hold_expires_at, work.now), key, 200);
    let departs_at = departs_at(work, booking);
    booking.start_payment(payment.clone(), (work.payment_grace, departs_at), work.now)?;
    work.writes.start(booking.id, payment);
    work.writes.booking(booking);
    Ok(())
}

/// Confirms a hold with an authorised payment. A repetition changes nothing and gives the same.
pub(crate) async fn confirm(
    store: &impl LedgerStore,
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    id: PaymentId,
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    let Some(payment) = booking.payments.iter().find(|payment| payment.id == id).cloned() else {
        return Ok(Err(Refusal::NotFound));
    };
    if payment.state == PaymentState::Confirmed {
        return Ok(Ok(None));
    }
    if is_cancelled(work, booking) || !is_possible(work, booking) {
        // The airline has cancelled or moved a flight since the payment began: the money is voided before it is
        // taken.
        return Ok(Err(Refusal::FlightNotBookable));
    }
    if departs_at(work, booking) <= work.now {
        // The airline has moved a flight forward, and the booking has yet to follow.
        return Ok(Err(Refusal::HoldExpired));
    }
    match booking.confirm(id, work.now) {
        Ok(entries) => work.writes.book(booking.id, entries),
        Err(refusal) => return Ok(Err(refusal)),
    }
    if booking.without_ticket() > 0 {
        draw_missing_tickets(store, work, booking).await?;
    }
    work.writes.decide(id, PaymentState::Confirmed);
    work.occupancy.sell(booking);
    work.writes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.writes.emit(EventType::BookingConfirmed, &state, trace);
    if let Some(scope) = &payment.key_scope {
        work.writes.answer((scope, booking.id), payment.answer, state.text());
    }
    Ok(Ok(Some(state)))
}

/// Allocates ticket numbers for passengers without one. The previous release, which may run beside this one, makes
/// bookings without ticket numbers.
async fn draw_missing_tickets(
    store: &impl LedgerStore,
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
) -> StoreResult<()> {
    let first = booking.segments.first().and_then(|segment| work.flights.get(&segment.flight_id));
    let Some(flight) = first else {
        return Err(StoreError::new(StoreFault::Data, "a booking without a flight"));
    };
    let mut documents = store.allocate_ticket_numbers(booking.without_ticket()).await?.into_iter();
    booking.draw_tickets(&flight.airline.accounting_code, &mut documents);
    work.writes.passengers(booking);
    Ok(())
}

/// Declines a payment. A repetition changes nothing and gives the same.
pub(crate) fn decline(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    id: PaymentId,
    void: bool,
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    let Some(payment) = booking.payments.iter().find(|payment| payment.id == id).cloned() else {
        return Ok(Err(Refusal::NotFound));
    };
    let departs_at = departs_at(work, booking);
    if !booking.decline((id, void), departs_at, work.now) {
        return Ok(Ok(None));
    }
    work.writes.decide(id, if void { PaymentState::Voided } else { PaymentState::Declined });
    work.writes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    if payment.made_the_booking() && state.status == BookingStatus::Held {
        // The purchase has become a hold, which waits for another payment.
        work.writes.emit(EventType::BookingHeld, &state, trace);
    }
    if let Some(scope) = &payment.key_scope {
        work.writes.answer((scope, booking.id), 402, state.text());
    }
    Ok(Ok(Some(state)))
}
