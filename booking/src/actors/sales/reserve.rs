//! Seats on all flights of an order, or on none.

use super::{Sales, order::Order, outcome::Stop};
use crate::actors::{allocator::NotReserved, directory::Marks};
use booking_engine::{
    booking::{
        hold::Allowance,
        itinerary,
        record::Booking,
        refusal::{InvalidMember, Member, Refusal},
    },
    inventory::seat_inventory::{Wanted, WantedFare},
    passengers::party,
};
use shared::{
    fare::{PassengerType, SegmentPrice},
    ids::FlightId,
};
use tokio::time::Instant;

/// A booking with seats and prices, the versions of the flights they are of, and the marks of the seats.
pub(super) type Reserved = (Booking, Vec<(FlightId, i64)>, Vec<Marks>);

impl Sales {
    /// Asks the allocators of all flights for seats, in the order of flight ids. When one refuses, the
    /// others are still asked, so that everything that is in the way is told at once.
    pub(super) async fn reserve(&self, order: &Order, deadline: Instant) -> Result<Reserved, Stop> {
        let mut booking = order.booking(self.currency);
        let kinds: Vec<PassengerType> = order.passengers.iter().map(|passenger| passenger.kind).collect();
        let (mut marks, mut versions, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
        for index in order.by_flight() {
            let segment = &order.segments[index];
            let wanted = Wanted {
                owner: order.owner,
                exempt: order.allowance == Allowance::Unlimited,
                segment: index,
                cabin: segment.cabin,
                fare: Some(WantedFare {
                    brand: segment.brand,
                    currency: self.currency,
                    party: kinds.clone(),
                }),
                wishes: party::wishes(&order.passengers, index),
            };
            let (reservation, mark) = match self.directory.reserve(segment.flight_id, &wanted, deadline).await
            {
                Ok(reserved) => reserved,
                Err(NotReserved::Refused(refusal)) => {
                    refusals.push(refusal);
                    // Nobody has to wait for seats that will not be had.
                    marks.clear();
                    continue;
                }
                Err(error) if refusals.is_empty() => return Err(error.into()),
                // What is known already is reason enough.
                Err(_) => break,
            };
            if !refusals.is_empty() {
                continue;
            }
            marks.push(mark);
            versions.push((segment.flight_id, reservation.flight_version));
            for ((passenger, _), seat) in wanted.wishes.iter().zip(reservation.seats) {
                booking.passengers[*passenger].seats[index] = Some(seat);
            }
            booking.segments[index].fare = reservation.price.fare;
            booking.segments[index].taxes = reservation.price.taxes;
        }
        if let Some(refusal) = itinerary::refusal(refusals) {
            return Err(Stop::Refused(refusal));
        }
        check_total(&booking)?;
        Ok((booking, versions, marks))
    }
}

/// What can be paid on each flight may be too much on all.
pub(crate) fn check_total(booking: &Booking) -> Result<(), Stop> {
    let price = |fare, taxes| SegmentPrice { fare, taxes };
    let prices = booking.segments.iter().map(|segment| price(segment.fare, segment.taxes));
    let too_much = || {
        InvalidMember::new(Member::Segments, "the price of all together is beyond what can be represented")
    };
    let total = itinerary::total(prices);
    total.map(drop).ok_or_else(|| Stop::Refused(Refusal::Invalid(vec![too_much()])))
}
