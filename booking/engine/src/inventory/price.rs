//! The price of a party on a flight. `shared_types::fare` has the arithmetic, which search uses, too.

use chrono::{DateTime, Utc};
use shared_types::{
    events::FlightState,
    fare::{Brand, Demand, PassengerType, SegmentPrice, booking_class, price},
    money::Currency,
    seat::Cabin,
};

/// The reason why a party has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPrice {
    /// The flight has no fares or no seats in the cabin.
    #[error("the flight has no such cabin")]
    Cabin,
    /// The cabin has no fare of the brand and currency.
    #[error("is not on sale in that cabin of the flight")]
    Brand,
    /// The amount overflows.
    #[error("the price is beyond what can be represented")]
    Overflow,
}

/// The fare and taxes of a whole party on one segment, in minor units of money. `taken`: the seats of the cabin that
/// are held or sold before the party.
///
/// # Errors
/// [`NoPrice`].
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
        |fare: &&&shared_types::fare::FlightFare| fare.brand == brand && fare.base_price.currency == currency;
    let fare = fares.iter().find(on_sale).ok_or(NoPrice::Brand)?;
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let demand = Demand {
        seats_total: count(flight.seat_plan.sellable(cabin)),
        seats_taken: taken,
        party_seats: count(party.iter().filter(|kind| kind.has_seat()).count()),
        days_before: flight.departure.at.signed_duration_since(now).num_days(),
    };
    let (class, tax) = (booking_class(demand), flight.tax(currency));
    party.iter().try_fold(SegmentPrice { fare: 0, taxes: 0 }, |sum, kind| {
        let one = price(fare.base_price.minor, tax, class, brand, *kind).map_err(|_| NoPrice::Overflow)?;
        let add = |a: i64, b: i64| a.checked_add(b).ok_or(NoPrice::Overflow);
        Ok(SegmentPrice { fare: add(sum.fare, one.fare)?, taxes: add(sum.taxes, one.taxes)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use chrono::TimeDelta;
    use shared_types::money::Money;

    /// The price of an adult, a child and an infant, a month ahead in an empty cabin.
    fn family(flight: &FlightState) -> SegmentPrice {
        let (sold, now) = ((Cabin::Economy, Brand::Standard), flight.departure.at - TimeDelta::days(30));
        of_party(flight, sold, Currency::EUR, &PassengerType::ALL, 0, now).unwrap()
    }

    #[test]
    fn taxes_are_the_airports_own_where_it_has_one() {
        let mut flight = samples::flight();
        // 106.00 * 0.48 = 50.88 for the adult, 38.16 for the child, 5.09 for the infant, who pays no taxes.
        let fare = 5088 + 3816 + 509;
        assert_eq!(family(&flight), SegmentPrice { fare, taxes: 2 * 800 });
        flight.departure_tax = Some(Money::new(2137, Currency::EUR));
        assert_eq!(family(&flight), SegmentPrice { fare, taxes: 2 * 2137 });
        flight.departure_tax = Some(Money::zero(Currency::EUR));
        assert_eq!(family(&flight), SegmentPrice { fare, taxes: 0 });
        flight.departure_tax = Some(Money::new(2137, "USD".parse().unwrap()));
        assert_eq!(family(&flight), SegmentPrice { fare, taxes: 2 * 800 });
    }

    #[test]
    fn an_absurd_tax_is_an_error_not_a_wrap() {
        let mut flight = samples::flight();
        flight.departure_tax = Some(Money::new(i64::MAX, Currency::EUR));
        let sold = (Cabin::Economy, Brand::Standard);
        let price = of_party(&flight, sold, Currency::EUR, &[PassengerType::Adt], 0, Utc::now());
        assert_eq!(price, Err(NoPrice::Overflow));
    }
}
