//! An order with seats and prices. Only the ledger makes a booking of it.

use crate::{
    booking::record::Segment,
    passengers::{contact::Contact, passenger::Passenger},
};
use shared_types::{
    ids::{FlightId, UserId},
    money::Currency,
    seat::SeatDesignator,
};

/// An order whose seats are reserved and whose prices are known.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedOrder {
    /// The account that orders.
    pub owner: UserId,
    /// The currency of all prices.
    pub currency: Currency,
    /// The contact of the travellers.
    pub contact: Contact,
    /// The flights in the order of travel, with their prices.
    pub segments: Vec<Segment>,
    /// The travellers with their reserved seats.
    pub passengers: Vec<Passenger>,
}

impl PricedOrder {
    /// The flights, in the order of travel.
    pub fn flights(&self) -> impl Iterator<Item = FlightId> + '_ {
        self.segments.iter().map(|segment| segment.flight_id)
    }

    /// The reserved seats, by passenger and segment.
    pub fn seats(&self) -> impl Iterator<Item = (FlightId, SeatDesignator)> + '_ {
        self.passengers.iter().flat_map(|passenger| {
            let seats = self.segments.iter().zip(&passenger.seats);
            seats.filter_map(|(segment, seat)| Some((segment.flight_id, (*seat)?)))
        })
    }

    /// The price of all segments with taxes, in minor units of money.
    pub fn total(&self) -> i64 {
        self.segments.iter().map(|segment| segment.fare + segment.taxes).sum()
    }
}
