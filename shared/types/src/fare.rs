//! Fares: brands, booking classes, and the one function that prices a journey.
//!
//! Search and booking both call [`price`], so what was shown is what is charged. All arithmetic is in
//! integers of minor units; a fare is rounded half up, per passenger and segment.

use crate::{
    money::{Currency, Money},
    seat::Cabin,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// What a fare includes, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Brand {
    /// No bag, no refund, no change.
    Light,
    /// One bag, changes for a fee, no refund.
    Standard,
    /// One bag, changes and refunds free.
    Flex,
}

impl Brand {
    /// All brands, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Light, Self::Standard, Self::Flex];

    /// The name on the wire, `standard`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Standard => "standard",
            Self::Flex => "flex",
        }
    }

    /// What this brand costs of the class's fare, in percent.
    #[must_use]
    fn factor_percent(self) -> i64 {
        match self {
            Self::Light => 90,
            Self::Standard => 100,
            Self::Flex => 135,
        }
    }
}

/// A text that is no fare brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be light, standard or flex")]
pub struct InvalidBrand;

impl FromStr for Brand {
    type Err = InvalidBrand;

    fn from_str(text: &str) -> Result<Self, InvalidBrand> {
        Self::ALL.into_iter().find(|brand| brand.as_str() == text).ok_or(InvalidBrand)
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The type of a passenger, by age at the date of the last flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PassengerType {
    /// 12 years and older.
    Adt,
    /// 2 to 11 years.
    Chd,
    /// Under 2 years, on an adult's lap.
    Inf,
}

impl PassengerType {
    /// All types, adults first.
    pub const ALL: [Self; 3] = [Self::Adt, Self::Chd, Self::Inf];

    /// The code on the wire, `ADT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adt => "ADT",
            Self::Chd => "CHD",
            Self::Inf => "INF",
        }
    }

    /// Whether this passenger occupies a seat.
    #[must_use]
    pub fn has_seat(self) -> bool {
        self != Self::Inf
    }

    fn factor_percent(self) -> i64 {
        match self {
            Self::Adt => 100,
            Self::Chd => 75,
            Self::Inf => 10,
        }
    }
}

impl fmt::Display for PassengerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PassengerType {
    type Err = InvalidPassengerType;

    fn from_str(text: &str) -> Result<Self, InvalidPassengerType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidPassengerType)
    }
}

/// A text that is no passenger type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ADT, CHD or INF")]
pub struct InvalidPassengerType;

/// A booking class: a rung of the price ladder of a cabin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingClass {
    /// The letter that airlines print.
    pub letter: char,
    /// Part of the base price that it costs, in percent.
    factor_percent: i64,
    /// Share of the cabin's seats up to which it sells, in percent; nested.
    share_percent: u32,
    /// Days before departure until which it sells.
    min_days: i64,
}

const fn class(letter: char, factor_percent: i64, share_percent: u32, min_days: i64) -> BookingClass {
    BookingClass { letter, factor_percent, share_percent, min_days }
}

/// The ladder, cheapest first (the design's house rule).
const LADDER: [BookingClass; 8] = [
    class('T', 48, 10, 21),
    class('V', 62, 22, 14),
    class('L', 80, 36, 7),
    class('K', 100, 50, 0),
    class('H', 120, 64, 0),
    class('M', 145, 78, 0),
    class('B', 180, 90, 0),
    class('Y', 220, 100, 0),
];

/// How full a cabin is when a party asks for its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Seats of the cabin that can be sold.
    pub seats_total: u32,
    /// Of these, held or sold before the party.
    pub seats_taken: u32,
    /// Seats that the party needs.
    pub party_seats: u32,
    /// Whole days from now until departure.
    pub days_before: i64,
}

/// The class that the whole party pays: the cheapest whose limit is not exceeded by the seats taken
/// before plus the party's, and which still sells that many days ahead. A party that no longer fits
/// pays the highest class; whether it fits is not a matter of price.
#[must_use]
pub fn booking_class(demand: Demand) -> BookingClass {
    let after = u64::from(demand.seats_taken) + u64::from(demand.party_seats);
    let sells = |class: &&BookingClass| {
        let limit = u64::from(class.share_percent) * u64::from(demand.seats_total) / 100;
        demand.days_before >= class.min_days && after <= limit
    };
    *LADDER.iter().find(sells).unwrap_or(&LADDER[LADDER.len() - 1])
}

/// Why a journey has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the price is beyond what can be represented")]
pub struct PriceOverflow;

/// The price of one passenger on one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentPrice {
    /// The fare without taxes, minor units.
    pub fare: i64,
    /// Taxes, minor units.
    pub taxes: i64,
}

impl SegmentPrice {
    /// What the passenger pays, minor units.
    #[must_use]
    pub fn total(self) -> i64 {
        self.fare.saturating_add(self.taxes)
    }
}

/// Prices one passenger on one segment.
///
/// `base_price` is the mid fare of the cabin in minor units without taxes; `tax` is the departure
/// airport's tax per seat in minor units.
///
/// # Errors
/// [`PriceOverflow`] when the fare leaves the range of 64 bits.
pub fn price(
    base_price: i64,
    tax: i64,
    class: BookingClass,
    brand: Brand,
    passenger: PassengerType,
) -> Result<SegmentPrice, PriceOverflow> {
    let factors = class.factor_percent * brand.factor_percent() * passenger.factor_percent();
    // Half up: prices are never negative, so adding half of the divisor rounds as stated. Search prices thousands of
    // fares a second, and a division of 64 bits takes a tenth of the time of one of 128.
    let fare = match base_price.checked_mul(factors).and_then(|scaled| scaled.checked_add(500_000)) {
        Some(scaled) => scaled / 1_000_000,
        None => {
            let scaled = i128::from(base_price) * i128::from(factors) + 500_000;
            i64::try_from(scaled / 1_000_000).map_err(|_| PriceOverflow)?
        }
    };
    let taxes = if passenger.has_seat() { tax } else { 0 };
    fare.checked_add(taxes).ok_or(PriceOverflow)?;
    Ok(SegmentPrice { fare, taxes })
}

/// The tax per seat of a departure, in minor units of the currency: the airport's own, where it has one
/// in that currency, else [`default_tax`].
#[must_use]
pub fn tax_per_seat(own: Option<Money>, domestic: bool, currency: Currency) -> i64 {
    match own {
        Some(tax) if tax.currency == currency => tax.minor,
        _ => default_tax(domestic, currency),
    }
}

/// The tax per seat of departures from airports that have none of their own, in minor units: 8.00
/// domestic, 24.00 international.
#[must_use]
pub fn default_tax(domestic: bool, currency: Currency) -> i64 {
    let unit = 10_i64.pow(currency.decimals());
    if domestic { 8 * unit } else { 24 * unit }
}

/// A fare of a flight: the base price of one brand in one cabin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlightFare {
    /// The cabin.
    pub cabin: Cabin,
    /// The brand.
    pub brand: Brand,
    /// The cabin's mid fare without taxes, from which classes and brands are computed.
    pub base_price: Money,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: Demand = Demand { seats_total: 180, seats_taken: 20, party_seats: 1, days_before: 30 };

    #[test]
    fn the_worked_example_of_the_domain_holds() {
        let class = booking_class(EXAMPLE);
        assert_eq!(class.letter, 'V', "T sells up to 18, V up to 39");
        let tax = default_tax(false, Currency::EUR);
        let price = price(10_600, tax, class, Brand::Standard, PassengerType::Adt).unwrap();
        assert_eq!(price, SegmentPrice { fare: 6572, taxes: 2400 });
        assert_eq!(price.total(), 8972);
    }

    #[test]
    fn classes_close_by_share_and_by_days() {
        let letter =
            |taken, days_before| booking_class(Demand { seats_taken: taken, days_before, ..EXAMPLE }).letter;
        assert_eq!(letter(17, 21), 'T', "the 18th seat is still in T");
        assert_eq!(letter(18, 21), 'V');
        assert_eq!(letter(0, 20), 'V');
        assert_eq!(letter(0, 13), 'L');
        assert_eq!(letter(0, 6), 'K');
        assert_eq!(letter(0, 0), 'K');
        assert_eq!(letter(179, 0), 'Y');
        assert_eq!(letter(500, 0), 'Y', "an overfull cabin pays the top, it does not panic");
    }

    #[test]
    fn passengers_and_brands_have_their_factors() {
        let class = booking_class(Demand { seats_taken: 80, days_before: 1, ..EXAMPLE });
        assert_eq!(class.letter, 'K');
        let pay = |brand, passenger| price(10_001, 2400, class, brand, passenger).unwrap();
        assert_eq!(pay(Brand::Standard, PassengerType::Chd).fare, 7501, "7500.75 rounds half up");
        assert_eq!(pay(Brand::Flex, PassengerType::Adt).fare, 13_501, "13501.35 rounds down");
        let infant = pay(Brand::Light, PassengerType::Inf);
        assert_eq!((infant.fare, infant.taxes), (900, 0), "an infant pays no taxes");
    }

    #[test]
    fn an_absurd_base_price_is_an_error_not_a_wrap() {
        let class = booking_class(Demand { seats_taken: 180, ..EXAMPLE });
        assert_eq!(price(i64::MAX, 0, class, Brand::Flex, PassengerType::Adt), Err(PriceOverflow));
        let large = price(i64::MAX / 4, 0, class, Brand::Standard, PassengerType::Inf).unwrap();
        assert_eq!(large.fare, 507_285_462_027_012_669, "more than 64 bits on the way, less in the end");
    }
}
