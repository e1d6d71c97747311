//! A booking and its derived values. Its transitions are in [`lifecycle`](super::lifecycle), its presentation in
//! [`presentation`](super::presentation).

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
    /// The flight.
    pub flight_id: FlightId,
    /// The booked cabin.
    pub cabin: Cabin,
    /// The brand of the fare: it decides about refunds.
    pub brand: Brand,
    /// The fare of all passengers together, in minor units of money.
    pub fare: i64,
    /// The taxes of all passengers together, in minor units of money.
    pub taxes: i64,
    /// The version of the flight's state that the booking has followed.
    pub flight_version: i64,
}

impl Segment {
    /// The price of the segment with the conditions of its fare.
    pub fn paid(&self) -> Paid {
        Paid { brand: self.brand, fare: self.fare, taxes: self.taxes }
    }
}

/// Money given back.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundRecord {
    /// The identifier of the refund, at the provider too.
    pub id: RefundId,
    /// The payment whose money is given back.
    pub payment_id: PaymentId,
    /// The refunded amount in minor units of money.
    pub amount: i64,
    /// The reason, as clients see it.
    pub reason: String,
    /// Whether the provider has carried the refund out.
    pub settled: bool,
    /// When the refund was decided, by the database's clock.
    pub created_at: DateTime<Utc>,
}

/// A booking in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    /// The identifier of the booking.
    pub id: BookingId,
    /// The record locator.
    pub locator: Locator,
    /// The account that made the booking.
    pub owner_id: UserId,
    /// The stored status. A hold that has ended keeps `Held` until it is expired; see [`status_at`](Self::status_at).
    pub status: BookingStatus,
    /// The state of the money.
    pub payment_status: BookingPaymentStatus,
    /// The end of the hold. It has no meaning after the confirmation.
    pub hold_expires_at: DateTime<Utc>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The contact of the travellers.
    pub contact: Contact,
    /// The flights in the order of travel.
    pub segments: Vec<Segment>,
    /// The passengers in the order of the request.
    pub passengers: Vec<Passenger>,
    /// All payments, the oldest first, with the declined ones.
    pub payments: Vec<Payment>,
    /// All refunds, the oldest first.
    pub refunds: Vec<RefundRecord>,
    /// Counts the changes of the booking, from 1.
    pub version: i64,
    /// When the booking was made, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When the booking changed last, by the database's clock.
    pub updated_at: DateTime<Utc>,
    /// When the booking was confirmed, which is the purchase; `None`: it never was.
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// The states of the flights that bookings refer to.
pub type Flights = HashMap<FlightId, Arc<FlightState>>;

/// A booking refers to a flight that the inventory lacks: a fault of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("flight {0} of a booking is not in the inventory")]
pub struct MissingFlight(pub(crate) FlightId);

impl Booking {
    /// The fares of all segments, in minor units of money.
    pub fn fare(&self) -> i64 {
        self.segments.iter().map(|segment| segment.fare).sum()
    }

    /// The taxes of all segments, in minor units of money.
    pub fn taxes(&self) -> i64 {
        self.segments.iter().map(|segment| segment.taxes).sum()
    }

    /// The price of the booking with taxes, in minor units of money.
    pub fn total(&self) -> i64 {
        self.fare() + self.taxes()
    }

    /// The status at `now`: a hold that has ended counts as expired, even before the sweeper expires it.
    pub fn status_at(&self, now: DateTime<Utc>) -> BookingStatus {
        let waits = self.payment_status == BookingPaymentStatus::Awaiting;
        match self.status {
            BookingStatus::Held if waits && hold::has_ended(self.hold_expires_at, now) => {
                BookingStatus::Expired
            }
            status => status,
        }
    }

    /// The seats of the booking, by passenger and segment.
    pub fn seats(&self) -> impl Iterator<Item = (FlightId, SeatDesignator)> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| Some((segment.flight_id, (*seat)?)))
        })
    }

    /// The flights, in the order of travel.
    pub fn flights(&self) -> impl Iterator<Item = FlightId> + '_ {
        self.segments.iter().map(|segment| segment.flight_id)
    }

    /// The position of the segment on a flight; `None`: the booking does not have this flight.
    pub fn segment_on(&self, flight: FlightId) -> Option<usize> {
        self.segments.iter().position(|segment| segment.flight_id == flight)
    }

    /// Whether the booking has its seats: it is held or confirmed.
    pub fn is_live(&self) -> bool {
        matches!(self.status, BookingStatus::Held | BookingStatus::Confirmed)
    }
}
