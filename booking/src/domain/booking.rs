//! A booking and what can be told from it. How it changes is in [`lifecycle`](super::lifecycle), how it
//! is shown in [`presentation`](super::presentation).

use super::{contact::Contact, hold, locator::Locator, passenger::Passenger, payment::Payment, refund::Paid};
use chrono::{DateTime, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingStatus, FlightState},
    fare::Brand,
    ids::{BookingId, FlightId, PaymentId, RefundId, UserId},
    money::Currency,
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
    /// The version of the flight that the traveller knows of.
    pub(crate) flight_version: i64,
}

impl Segment {
    /// What it cost, and on which conditions.
    pub(crate) fn paid(&self) -> Paid {
        Paid { brand: self.brand, fare: self.fare, taxes: self.taxes }
    }
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
    /// The fares of all segments, minor units.
    pub(crate) fn fare(&self) -> i64 {
        self.segments.iter().map(|segment| segment.fare).sum()
    }

    /// The taxes of all segments, minor units.
    pub(crate) fn taxes(&self) -> i64 {
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

    /// All seats that the booking has, by segment and passenger.
    pub(crate) fn seats(&self) -> impl Iterator<Item = (FlightId, SeatDesignator)> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| Some((segment.flight_id, (*seat)?)))
        })
    }

    /// Its flights, in the order of travel.
    pub(crate) fn flights(&self) -> impl Iterator<Item = FlightId> + '_ {
        self.segments.iter().map(|segment| segment.flight_id)
    }

    /// The segment on a flight.
    pub(crate) fn segment_on(&self, flight: FlightId) -> Option<usize> {
        self.segments.iter().position(|segment| segment.flight_id == flight)
    }

    /// Whether seats belong to the booking.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.status, BookingStatus::Held | BookingStatus::Confirmed)
    }
}
