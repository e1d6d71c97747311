//! A booking as the contract shows it.

use crate::{
    booking::{
        record::{Booking, Flights, MissingFlight, RefundRecord, Segment},
        ticket,
    },
    passengers::passenger::Passenger,
    payment::record::Payment,
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{
        BookedSeat, BookingContact, BookingPassenger, BookingPayment, BookingPrice, BookingRefund,
        BookingSegment, BookingState, BookingStatus, Json,
    },
    money::{Currency, Money},
};
use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

/// A booking as clients see it, with its JSON text. The text is written once, when it is first needed: the event, the
/// stored answer of the key and the HTTP answer share it. Clones share it, too.
#[derive(Debug, Clone)]
pub struct ShownBooking(Arc<(BookingState, OnceLock<Json>)>);

impl ShownBooking {
    /// The JSON text of the booking.
    pub fn text(&self) -> &Json {
        let (state, text) = &*self.0;
        text.get_or_init(|| Json::of(state))
    }
}

impl From<BookingState> for ShownBooking {
    fn from(state: BookingState) -> Self {
        Self(Arc::new((state, OnceLock::new())))
    }
}

impl Deref for ShownBooking {
    type Target = BookingState;

    fn deref(&self) -> &BookingState {
        &self.0.0
    }
}

impl Booking {
    /// The booking as the contract shows it at `now`.
    ///
    /// # Errors
    /// [`MissingFlight`]: `flights` lacks a flight of the booking.
    pub fn present(&self, flights: &Flights, now: DateTime<Utc>) -> Result<BookingState, MissingFlight> {
        let status = self.status_at(now);
        let money = |minor| Money::new(minor, self.currency);
        let segments: Result<Vec<_>, _> =
            self.segments.iter().map(|segment| present_segment(segment, flights, status)).collect();
        let segments = segments?;
        let times: Vec<_> =
            segments.iter().map(|segment| (segment.departure.at, segment.arrival.at)).collect();
        Ok(BookingState {
            id: self.id,
            locator: self.locator.as_str().to_owned(),
            owner_id: self.owner_id,
            status,
            payment_status: self.payment_status,
            hold_expires_at: (status == BookingStatus::Held).then_some(self.hold_expires_at),
            segments,
            passengers: self.passengers.iter().map(|passenger| self.present_passenger(passenger)).collect(),
            contact: Some(BookingContact {
                email: self.contact.email.as_str().to_owned(),
                phone: self.contact.phone.as_ref().map(|phone| phone.as_str().to_owned()),
                locale: self.contact.locale.as_ref().map(ToString::to_string),
            }),
            price: BookingPrice {
                fare: money(self.fare()),
                taxes: money(self.taxes()),
                total: money(self.total()),
            },
            payments: self.payments.iter().map(|payment| present_payment(payment, self.currency)).collect(),
            refunds: self.refunds.iter().map(|refund| present_refund(refund, self.currency)).collect(),
            available_actions: self.actions(&times, now),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    /// Hides the seats of a booking that is not live: they may belong to another booking. Hides ticket numbers until
    /// the confirmation issues the tickets.
    fn present_passenger(&self, passenger: &Passenger) -> BookingPassenger {
        let seats = self.segments.iter().zip(&passenger.seats).filter(|_| self.is_live());
        let seats = seats.filter_map(|(segment, seat)| {
            Some(BookedSeat { flight_id: segment.flight_id, designator: (*seat)? })
        });
        let issued = passenger.ticket_number.filter(|_| self.confirmed_at.is_some());
        BookingPassenger {
            id: passenger.id,
            r#type: passenger.kind,
            given_name: passenger.given_name.as_str().to_owned(),
            family_name: passenger.family_name.as_str().to_owned(),
            born_on: Some(passenger.born_on),
            ticket_number: issued.map(ticket::printed),
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
        airline: Some(flight.airline.name.clone()),
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
