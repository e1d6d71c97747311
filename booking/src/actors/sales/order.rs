//! What is ordered.

use booking_engine::{
    booking::{
        hold::Allowance,
        idempotency::Key,
        locator::Locator,
        record::{Booking, Segment},
        refusal::FlightSeat,
    },
    passengers::{contact::Contact, passenger::Passenger},
    payment::record::PaymentOrder,
};
use chrono::Utc;
use shared::{
    events::{BookingPaymentStatus, BookingStatus},
    fare::Brand,
    ids::{BookingId, FlightId, UserId},
    money::{Currency, Money},
    seat::Cabin,
};

/// A flight that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct OrderSegment {
    pub(crate) flight_id: FlightId,
    pub(crate) cabin: Cabin,
    pub(crate) brand: Brand,
}

/// A booking that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) owner: UserId,
    pub(crate) segments: Vec<OrderSegment>,
    /// With the seats that were named.
    pub(crate) passengers: Vec<Passenger>,
    pub(crate) contact: Contact,
    pub(crate) expected_total: Option<Money>,
    pub(crate) payment: Option<PaymentOrder>,
    pub(crate) hold_minutes: Option<i64>,
    pub(crate) key: Option<Key>,
    /// How many seats the account may hold.
    pub(crate) allowance: Allowance,
}

impl Order {
    /// The seats that travellers have chosen.
    pub(crate) fn named_seats(&self) -> impl Iterator<Item = FlightSeat> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| {
                Some(FlightSeat { flight_id: segment.flight_id, designator: (*seat)? })
            })
        })
    }

    /// The places of the segments in the order of flight ids, in which allocators are asked.
    pub(crate) fn by_flight(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.segments.len()).collect();
        places.sort_unstable_by_key(|place| self.segments[*place].flight_id);
        places
    }

    /// The booking that it is to become, without seats and prices.
    pub(crate) fn booking(&self, currency: Currency) -> Booking {
        let now = Utc::now();
        let segment = |segment: &OrderSegment| Segment {
            flight_id: segment.flight_id,
            cabin: segment.cabin,
            brand: segment.brand,
            fare: 0,
            taxes: 0,
            flight_version: 0,
        };
        Booking {
            id: BookingId::new(),
            locator: Locator::draw(),
            owner_id: self.owner,
            status: BookingStatus::Held,
            payment_status: BookingPaymentStatus::Awaiting,
            // Times are set by the ledger, from the database's clock.
            hold_expires_at: now,
            currency,
            contact: self.contact.clone(),
            segments: self.segments.iter().map(segment).collect(),
            passengers: self.passengers.clone(),
            payments: Vec::new(),
            refunds: Vec::new(),
            version: 1,
            created_at: now,
            updated_at: now,
            confirmed_at: None,
        }
    }
}
