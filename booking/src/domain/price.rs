//! What a party pays on a flight. The arithmetic is `shared::fare`'s, the same as in search.

use chrono::{DateTime, Utc};
use shared::{
    events::FlightState,
    fare::{Brand, Demand, PassengerType, SegmentPrice, booking_class, default_tax, price},
    money::Currency,
    seat::Cabin,
};

/// Why a party has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPrice {
    #[error("the flight has no such cabin")]
    Cabin,
    #[error("is not on sale in that cabin of the flight")]
    Brand,
    #[error("the price is beyond what can be represented")]
    Overflow,
}

/// The fare and taxes of a whole party on one segment, minor units. `taken`: seats of the cabin that
/// are held or sold before the party.
pub(crate) fn of_party(
    flight: &FlightState,
    (cabin, brand): (Cabin, Brand),
    currency: Currency,
    party: &[PassengerType],
    taken: u32,
    now: DateTime<Utc>,
) -> Result<SegmentPrice, NoPrice> {
    let fares: Vec<_> = flight.fares.iter().filter(|fare| fare.cabin == cabin).collect();
    if fares.is_empty() || flight.seat_plan.capacity(cabin) == 0 {
        return Err(NoPrice::Cabin);
    }
    let on_sale =
        |fare: &&&shared::fare::FlightFare| fare.brand == brand && fare.base_price.currency == currency;
    let fare = fares.iter().find(on_sale).ok_or(NoPrice::Brand)?;
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let demand = Demand {
        seats_total: count(flight.seat_plan.sellable(cabin)),
        seats_taken: taken,
        party_seats: count(party.iter().filter(|kind| kind.has_seat()).count()),
        days_before: flight.departure.at.signed_duration_since(now).num_days(),
    };
    let (class, tax) = (booking_class(demand), default_tax(flight.domestic(), currency));
    party.iter().try_fold(SegmentPrice { fare: 0, taxes: 0 }, |sum, kind| {
        let one = price(fare.base_price.minor, tax, class, brand, *kind).map_err(|_| NoPrice::Overflow)?;
        let add = |a: i64, b: i64| a.checked_add(b).ok_or(NoPrice::Overflow);
        Ok(SegmentPrice { fare: add(sum.fare, one.fare)?, taxes: add(sum.taxes, one.taxes)? })
    })
}
