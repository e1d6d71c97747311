//! A booking and what can be told from it. How it changes is in [`lifecycle`](super::lifecycle), how it
//! is shown in [`presentation`](super::presentation).

use crate::{
    booking::{hold, locator::Locator},
    passengers::{contact::Contact, passenger::Passenger},
    payment::{record::Payment, refund::Paid},
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{BookingPaymentStatus, BookingStatus, FlightState},
    fare::Brand,
    ids::{BookingId, FlightId, PaymentId, RefundId, UserId},
    money::Currency,
    seat::{Cabin, SeatDesignator},
};
use std::{collections::HashMap, sync::Arc};

/// A flight of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    pub flight_id: FlightId,
    pub cabin: Cabin,
    pub brand: Brand,
    /// Of all passengers, minor units.
    pub fare: i64,
    /// Of all passengers, minor units.
    pub taxes: i64,
    /// The version of the flight that the traveller knows of.
    pub flight_version: i64,
}

impl Segment {
    /// What it cost, and on which conditions.
    pub fn paid(&self) -> Paid {
        Paid { brand: self.brand, fare: self.fare, taxes: self.taxes }
    }
}

/// Money given back.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundRecord {
    pub id: RefundId,
    pub payment_id: PaymentId,
    pub amount: i64,
    pub reason: String,
    pub settled: bool,
    pub created_at: DateTime<Utc>,
}

/// A booking in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    pub id: BookingId,
    pub locator: Locator,
    pub owner_id: UserId,
    pub status: BookingStatus,
    pub payment_status: BookingPaymentStatus,
    pub hold_expires_at: DateTime<Utc>,
    pub currency: Currency,
    pub contact: Contact,
    pub segments: Vec<Segment>,
    pub passengers: Vec<Passenger>,
    pub payments: Vec<Payment>,
    pub refunds: Vec<RefundRecord>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// The flights that bookings refer to.
pub type Flights = HashMap<FlightId, Arc<FlightState>>;

/// A booking refers to a flight that is not in the inventory: an error of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("flight {0} of a booking is not in the inventory")]
pub struct MissingFlight(pub(crate) FlightId);

impl Booking {
    /// The fares of all segments, minor units.
    pub fn fare(&self) -> i64 {
        self.segments.iter().map(|segment| segment.fare).sum()
    }

    /// The taxes of all segments, minor units.
    pub fn taxes(&self) -> i64 {
        self.segments.iter().map(|segment| segment.taxes).sum()
    }

    /// What the booking costs, minor units.
    pub fn total(&self) -> i64 {
        self.fare() + self.taxes()
    }

    /// The status as everybody sees it now: a hold that has ended is expired, though nobody noticed.
    pub fn status_at(&self, now: DateTime<Utc>) -> BookingStatus {
        let waits = self.payment_status == BookingPaymentStatus::Awaiting;
        match self.status {
            BookingStatus::Held if waits && hold::has_ended(self.hold_expires_at, now) => {
                BookingStatus::Expired
            }
            status => status,
        }
    }

    /// All seats that the booking has, by segment and passenger.
    pub fn seats(&self) -> impl Iterator<Item = (FlightId, SeatDesignator)> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| Some((segment.flight_id, (*seat)?)))
        })
    }

    /// Its flights, in the order of travel.
    pub fn flights(&self) -> impl Iterator<Item = FlightId> + '_ {
        self.segments.iter().map(|segment| segment.flight_id)
    }

    /// The segment on a flight.
    pub fn segment_on(&self, flight: FlightId) -> Option<usize> {
        self.segments.iter().position(|segment| segment.flight_id == flight)
    }

    /// Whether seats belong to the booking.
    pub fn is_live(&self) -> bool {
        matches!(self.status, BookingStatus::Held | BookingStatus::Confirmed)
    }
}
