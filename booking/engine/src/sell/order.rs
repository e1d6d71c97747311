//! An order of a booking.

use crate::{
    booking::{hold::Allowance, idempotency::Key, record::Segment, refusal::FlightSeat},
    passengers::{contact::Contact, passenger::Passenger},
    payment::record::PaymentOrder,
};
use shared_types::{
    fare::Brand,
    ids::{FlightId, UserId},
    money::Money,
    seat::Cabin,
};

/// A wanted flight.
#[derive(Debug, Clone)]
pub struct OrderSegment {
    /// The flight.
    pub flight_id: FlightId,
    /// The wanted cabin.
    pub cabin: Cabin,
    /// The brand of the wanted fare.
    pub brand: Brand,
}

/// A wanted booking.
#[derive(Debug, Clone)]
pub struct Order {
    /// The account that orders.
    pub owner: UserId,
    /// The flights in the order of travel.
    pub segments: Vec<OrderSegment>,
    /// The passengers, with their chosen seats.
    pub passengers: Vec<Passenger>,
    /// The contact of the travellers.
    pub contact: Contact,
    /// The highest total price that the client accepts; `None`: any price.
    pub expected_total: Option<Money>,
    /// The payment to start at once; `None`: the booking is only held.
    pub payment: Option<PaymentOrder>,
    /// The requested minutes of the hold; `None`: the default.
    pub hold_minutes: Option<i64>,
    /// The idempotency key of the request.
    pub key: Option<Key>,
    /// The limit on held seats of the account.
    pub allowance: Allowance,
}

impl Order {
    /// The chosen seats.
    pub fn named_seats(&self) -> impl Iterator<Item = FlightSeat> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| {
                Some(FlightSeat { flight_id: segment.flight_id, designator: (*seat)? })
            })
        })
    }

    /// The positions of the segments in the order of flight ids, in which seats are reserved.
    pub fn by_flight(&self) -> Vec<usize> {
        let mut positions: Vec<usize> = (0..self.segments.len()).collect();
        positions.sort_unstable_by_key(|position| self.segments[*position].flight_id);
        positions
    }

    /// The lowest flight: its ledger commits the booking. `None`: the order has no segments.
    pub fn lowest_flight(&self) -> Option<FlightId> {
        self.segments.iter().map(|segment| segment.flight_id).min()
    }

    /// The segments with prices of zero.
    pub fn unpriced_segments(&self) -> Vec<Segment> {
        let segment = |segment: &OrderSegment| Segment {
            flight_id: segment.flight_id,
            cabin: segment.cabin,
            brand: segment.brand,
            fare: 0,
            taxes: 0,
            flight_version: 0,
        };
        self.segments.iter().map(segment).collect()
    }
}
