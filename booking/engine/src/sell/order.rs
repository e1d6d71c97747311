//! What is ordered.

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

/// A flight that is wanted.
#[derive(Debug, Clone)]
pub struct OrderSegment {
    /// The flight.
    pub flight_id: FlightId,
    /// The cabin on it.
    pub cabin: Cabin,
    /// The brand of its fare.
    pub brand: Brand,
}

/// A booking that is wanted.
#[derive(Debug, Clone)]
pub struct Order {
    /// The account that orders.
    pub owner: UserId,
    /// The flights in the order of travel.
    pub segments: Vec<OrderSegment>,
    /// With the seats that were named.
    pub passengers: Vec<Passenger>,
    /// How the travellers are reached.
    pub contact: Contact,
    /// The most that is to be paid.
    pub expected_total: Option<Money>,
    /// To be paid at once.
    pub payment: Option<PaymentOrder>,
    /// How long the seats are to be held.
    pub hold_minutes: Option<i64>,
    /// The idempotency key.
    pub key: Option<Key>,
    /// How many seats the account may hold.
    pub allowance: Allowance,
}

impl Order {
    /// The seats that travellers have chosen.
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

    /// The lowest flight: its ledger commits the booking.
    pub fn lowest_flight(&self) -> Option<FlightId> {
        self.segments.iter().map(|segment| segment.flight_id).min()
    }

    /// Its segments, without prices.
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
