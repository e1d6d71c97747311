//! An order with seats and prices, before it is a booking: only the ledger makes bookings.

use crate::{
    booking::record::Segment,
    passengers::{contact::Contact, passenger::Passenger},
};
use shared_types::{
    ids::{FlightId, UserId},
    money::Currency,
    seat::SeatDesignator,
};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedOrder {
    /// The account that orders.
    pub owner: UserId,
    /// Of all prices.
    pub currency: Currency,
    /// How the travellers are reached.
    pub contact: Contact,
    /// The flights in the order of travel, with their prices.
    pub segments: Vec<Segment>,
    /// The travellers, with the seats that are reserved for them.
    pub passengers: Vec<Passenger>,
}

impl PricedOrder {
    /// The flights, in the order of travel.
    pub fn flights(&self) -> impl Iterator<Item = FlightId> + '_ {
        self.segments.iter().map(|segment| segment.flight_id)
    }

    /// The reserved seats.
    pub fn seats(&self) -> impl Iterator<Item = (FlightId, SeatDesignator)> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| Some((segment.flight_id, (*seat)?)))
        })
    }

    /// What it costs, minor units.
    pub fn total(&self) -> i64 {
        self.segments.iter().map(|segment| segment.fare + segment.taxes).sum()
    }
}
