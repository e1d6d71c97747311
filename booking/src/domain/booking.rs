//! A booking and its state machine.
//!
//! ```text
//! held ──payment──> confirmed ──> cancelled
//!   │ └──────────────────────────────^
//!   └──end of the hold──> expired
//! ```
//! Beside it the money: awaiting -> processing -> paid -> (partly) refunded; a declined payment leads
//! back to awaiting. Each transition is a method here that checks it, or refuses with its code.
//! `now` is always the database's clock, read after the booking's row was locked.

use super::{
    contact::Contact,
    hold,
    locator::Locator,
    passenger::Passenger,
    payment::{Entry, Payment, PaymentState, payment_entries, refund_entries},
    refund::{self, Paid},
    refusal::Refusal,
    ticket,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{
        BookedSeat, BookingAction, BookingContact, BookingPassenger, BookingPayment, BookingPaymentStatus,
        BookingPrice, BookingRefund, BookingSegment, BookingState, BookingStatus, FlightState,
    },
    fare::Brand,
    iata::AccountingCode,
    ids::{BookingId, FlightId, PaymentId, RefundId, UserId},
    money::{Currency, Money},
    seat::{Cabin, SeatDesignator},
};
use std::{collections::HashMap, sync::Arc};

/// A flight of a booking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segment {
    pub(crate) flight_id: FlightId,
    pub(crate) cabin: Cabin,
    pub(crate) brand: Brand,
    /// Of all passengers, minor units.
    pub(crate) fare: i64,
    /// Of all passengers, minor units.
    pub(crate) taxes: i64,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RefundRecord {
    pub(crate) id: RefundId,
    pub(crate) payment_id: PaymentId,
    pub(crate) amount: i64,
    pub(crate) reason: String,
    pub(crate) settled: bool,
    pub(crate) created_at: DateTime<Utc>,
}

/// A booking in full.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Booking {
    pub(crate) id: BookingId,
    pub(crate) locator: Locator,
    pub(crate) owner_id: UserId,
    pub(crate) status: BookingStatus,
    pub(crate) payment_status: BookingPaymentStatus,
    pub(crate) hold_expires_at: DateTime<Utc>,
    pub(crate) currency: Currency,
    pub(crate) contact: Contact,
    pub(crate) segments: Vec<Segment>,
    pub(crate) passengers: Vec<Passenger>,
    pub(crate) payments: Vec<Payment>,
    pub(crate) refunds: Vec<RefundRecord>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) confirmed_at: Option<DateTime<Utc>>,
}

/// The flights that bookings refer to.
pub(crate) type Flights = HashMap<FlightId, Arc<FlightState>>;

/// A booking refers to a flight that is not in the inventory: an error of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("flight {0} of a booking is not in the inventory")]
pub(crate) struct MissingFlight(pub(crate) FlightId);

impl Booking {
    fn fare(&self) -> i64 {
        self.segments.iter().map(|segment| segment.fare).sum()
    }

    fn taxes(&self) -> i64 {
        self.segments.iter().map(|segment| segment.taxes).sum()
    }

    /// What the booking costs, minor units.
    pub(crate) fn total(&self) -> i64 {
        self.fare() + self.taxes()
    }

    /// The status as everybody sees it now: a hold that has ended is expired, though nobody noticed.
    pub(crate) fn status_at(&self, now: DateTime<Utc>) -> BookingStatus {
        let waits = self.payment_status == BookingPaymentStatus::Awaiting;
        match self.status {
            BookingStatus::Held if waits && hold::has_ended(self.hold_expires_at, now) => {
                BookingStatus::Expired
            }
            status => status,
        }
    }

    /// What may be done now.
    pub(crate) fn actions(&self, now: DateTime<Utc>) -> Vec<BookingAction> {
        match (self.status_at(now), self.payment_status) {
            (BookingStatus::Held, BookingPaymentStatus::Awaiting) => {
                vec![BookingAction::Pay, BookingAction::Cancel]
            }
            (BookingStatus::Confirmed, _) => vec![BookingAction::Cancel],
            _ => vec![],
        }
    }

    /// All seats that the booking has, by segment and passenger.
    pub(crate) fn seats(&self) -> impl Iterator<Item = (FlightId, SeatDesignator)> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| Some((segment.flight_id, (*seat)?)))
        })
    }

    /// Whether seats belong to the booking.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.status, BookingStatus::Held | BookingStatus::Confirmed)
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = now;
    }

    /// Starts a payment, and prolongs the hold until it can be settled, or until the journey begins.
    pub(crate) fn start_payment(
        &mut self,
        payment: Payment,
        (settle, departs_at): (TimeDelta, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        match (self.status_at(now), self.payment_status) {
            (BookingStatus::Held, BookingPaymentStatus::Awaiting) => {}
            (BookingStatus::Held, _) => return Err(Refusal::PaymentInProgress),
            (BookingStatus::Confirmed, _) => return Err(Refusal::AlreadyPaid),
            (BookingStatus::Cancelled, _) => return Err(Refusal::AlreadyCancelled),
            (BookingStatus::Expired, _) => return Err(Refusal::HoldExpired),
        }
        self.payment_status = BookingPaymentStatus::Processing;
        self.hold_expires_at = hold::prolonged(self.hold_expires_at, now, settle, departs_at);
        self.payments.push(payment);
        self.touch(now);
        Ok(())
    }

    fn started(&mut self, payment: PaymentId) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|one| one.id == payment && one.state == PaymentState::Started)
    }

    /// Confirms with an authorised payment: tickets are issued and the money is booked. Refused with
    /// `HoldExpired` where the authorisation comes too late.
    pub(crate) fn confirm(
        &mut self,
        payment: PaymentId,
        airline: &AccountingCode,
        documents: impl Iterator<Item = i64>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entry>, Refusal> {
        let in_time = self.status == BookingStatus::Held
            && self.payment_status == BookingPaymentStatus::Processing
            && !hold::has_ended(self.hold_expires_at, now);
        if !in_time {
            return Err(Refusal::HoldExpired);
        }
        let Some(started) = self.started(payment) else { return Err(Refusal::HoldExpired) };
        started.state = PaymentState::Confirmed;
        started.token = None;
        for (passenger, document) in self.passengers.iter_mut().zip(documents) {
            passenger.ticket_number = Some(ticket::number(airline, document));
        }
        debug_assert!(self.passengers.iter().all(|one| one.ticket_number.is_some()), "one document each");
        self.status = BookingStatus::Confirmed;
        self.payment_status = BookingPaymentStatus::Paid;
        self.confirmed_at = Some(now);
        self.touch(now);
        Ok(payment_entries(payment, self.fare(), self.taxes()))
    }

    /// Notes that a payment did not come off: refused by the provider, or (`void`) too late. The hold
    /// falls back to its former end. Whether anything changed.
    pub(crate) fn decline(&mut self, payment: PaymentId, void: bool, now: DateTime<Utc>) -> bool {
        let Some(started) = self.started(payment) else { return false };
        started.state = if void { PaymentState::ToBeVoided } else { PaymentState::Declined };
        started.token = None;
        let end = started.held_until;
        if self.status == BookingStatus::Held && self.payment_status == BookingPaymentStatus::Processing {
            self.payment_status = BookingPaymentStatus::Awaiting;
            self.hold_expires_at = end;
        }
        self.touch(now);
        true
    }

    /// Cancels, and gives back what the fares allow. `departs_at`: when the journey begins.
    pub(crate) fn cancel(
        &mut self,
        departs_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entry>, Refusal> {
        match (self.status_at(now), self.payment_status) {
            (BookingStatus::Held, BookingPaymentStatus::Processing) => {
                return Err(Refusal::PaymentInProgress);
            }
            (BookingStatus::Cancelled, _) => return Err(Refusal::AlreadyCancelled),
            (BookingStatus::Expired, _) => return Err(Refusal::HoldExpired),
            (BookingStatus::Held | BookingStatus::Confirmed, _) => {}
        }
        let entries = self.give_back(departs_at, now);
        self.status = BookingStatus::Cancelled;
        self.touch(now);
        Ok(entries)
    }

    fn give_back(&mut self, departs_at: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Entry> {
        let paid = |one: &&Payment| matches!(one.state, PaymentState::Confirmed | PaymentState::Captured);
        let payment = self.payments.iter().find(paid).map(|one| one.id);
        let (Some(payment_id), Some(bought_at)) = (payment, self.confirmed_at) else { return Vec::new() };
        let paid =
            |segment: &Segment| Paid { brand: segment.brand, fare: segment.fare, taxes: segment.taxes };
        let paid: Vec<_> = self.segments.iter().map(paid).collect();
        let refund = refund::on_cancellation(&paid, bought_at, departs_at, now);
        debug_assert!(refund.total() <= self.total(), "never more than was paid");
        if refund.total() == 0 {
            return Vec::new();
        }
        let (id, reason) = (RefundId::new(), "cancelled by the traveller".to_owned());
        let amount = refund.total();
        self.refunds.push(RefundRecord { id, payment_id, amount, reason, settled: false, created_at: now });
        self.payment_status = match amount == self.total() {
            true => BookingPaymentStatus::Refunded,
            false => BookingPaymentStatus::PartlyRefunded,
        };
        refund_entries(id, refund)
    }

    /// Ends a hold whose time is over. Whether it was one.
    pub(crate) fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let ended = self.status == BookingStatus::Held && self.status_at(now) == BookingStatus::Expired;
        if ended {
            self.status = BookingStatus::Expired;
            self.touch(now);
        }
        ended
    }

    /// The booking as the contract shows it.
    pub(crate) fn present(
        &self,
        flights: &Flights,
        now: DateTime<Utc>,
    ) -> Result<BookingState, MissingFlight> {
        let status = self.status_at(now);
        let money = |minor| Money::new(minor, self.currency);
        let segments: Result<Vec<_>, _> =
            self.segments.iter().map(|segment| present_segment(segment, flights, status)).collect();
        Ok(BookingState {
            id: self.id,
            locator: self.locator.as_str().to_owned(),
            owner_id: self.owner_id,
            status,
            payment_status: self.payment_status,
            hold_expires_at: (status == BookingStatus::Held).then_some(self.hold_expires_at),
            segments: segments?,
            passengers: self.passengers.iter().map(|passenger| self.present_passenger(passenger)).collect(),
            contact: Some(BookingContact {
                email: self.contact.email.as_str().to_owned(),
                phone: self.contact.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            }),
            price: BookingPrice {
                fare: money(self.fare()),
                taxes: money(self.taxes()),
                total: money(self.total()),
            },
            payments: self.payments.iter().map(|payment| present_payment(payment, self.currency)).collect(),
            refunds: self.refunds.iter().map(|refund| present_refund(refund, self.currency)).collect(),
            available_actions: self.actions(now),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    /// Seats that were given back are not shown: they may be another's.
    fn present_passenger(&self, passenger: &Passenger) -> BookingPassenger {
        let seats = self.segments.iter().zip(&passenger.seats).filter(|_| self.is_live());
        let seats = seats.filter_map(|(segment, seat)| {
            Some(BookedSeat { flight_id: segment.flight_id, designator: (*seat)? })
        });
        BookingPassenger {
            id: passenger.id,
            r#type: passenger.kind,
            given_name: passenger.given_name.as_str().to_owned(),
            family_name: passenger.family_name.as_str().to_owned(),
            born_on: Some(passenger.born_on),
            ticket_number: passenger.ticket_number.map(ticket::printed),
            seats: seats.collect(),
        }
    }
}

fn present_segment(
    segment: &Segment,
    flights: &Flights,
    status: BookingStatus,
) -> Result<BookingSegment, MissingFlight> {
    let flight = flights.get(&segment.flight_id).ok_or(MissingFlight(segment.flight_id))?;
    Ok(BookingSegment {
        flight_id: segment.flight_id,
        flight_number: flight.flight_number.clone(),
        origin: flight.origin.clone(),
        destination: flight.destination.clone(),
        departure: flight.departure.clone(),
        arrival: flight.arrival.clone(),
        cabin: segment.cabin,
        brand: segment.brand,
        status,
    })
}

fn present_payment(payment: &Payment, currency: Currency) -> BookingPayment {
    BookingPayment {
        id: payment.id,
        method: payment.method.clone(),
        amount: Money::new(payment.amount, currency),
        status: payment.state.status(),
        created_at: payment.created_at,
    }
}

fn present_refund(refund: &RefundRecord, currency: Currency) -> BookingRefund {
    BookingRefund {
        id: refund.id,
        amount: Money::new(refund.amount, currency),
        reason: refund.reason.clone(),
        status: if refund.settled { "settled" } else { "pending" }.to_owned(),
        created_at: refund.created_at,
    }
}

#[cfg(test)]
#[path = "booking_tests.rs"]
mod tests;
