//! What the flights of the demo cost.

use shared::{
    fare::{Brand, FlightFare},
    money::{Currency, Money},
    seat::Cabin,
};

/// The mid fare without taxes of a distance, in whole cents: 35 + 1.9 * km^0.62 euros in economy,
/// more in the better cabins.
#[must_use]
pub fn mid_fare(distance_km: f64, cabin: Cabin) -> Money {
    let factor = match cabin {
        Cabin::Economy => 1.0,
        Cabin::PremiumEconomy => 1.7,
        Cabin::Business => 3.2,
        Cabin::First => 5.0,
    };
    let euros = (35.0 + 1.9 * distance_km.powf(0.62)) * factor;
    // Half around the earth in first class is below 4000 euros: far within an integer.
    Money::new((euros * 100.0).round() as i64, Currency::EUR)
}

/// A fare for each cabin and brand. The brand's own factor is applied by the price function.
#[must_use]
pub fn fares(distance_km: f64, cabins: &[Cabin]) -> Vec<FlightFare> {
    let of_cabin = |cabin: &Cabin| {
        let (cabin, base_price) = (*cabin, mid_fare(distance_km, *cabin));
        Brand::ALL.map(|brand| FlightFare { cabin, brand, base_price })
    };
    cabins.iter().flat_map(of_cabin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fares_grow_with_distance_and_comfort() {
        assert_eq!(mid_fare(0.0, Cabin::Economy).amount(), "35.00");
        assert_eq!(mid_fare(1000.0, Cabin::Economy).amount(), "172.64");
        assert_eq!(mid_fare(1000.0, Cabin::PremiumEconomy).amount(), "293.49");
        assert_eq!(mid_fare(1000.0, Cabin::Business).amount(), "552.46");
    }

    #[test]
    fn each_cabin_has_every_brand_once() {
        let all = fares(500.0, &[Cabin::Business, Cabin::Economy]);
        let names: Vec<_> = all.iter().map(|fare| (fare.cabin, fare.brand)).collect();
        let of = |cabin| Brand::ALL.map(|brand| (cabin, brand));
        assert_eq!(names, [of(Cabin::Business), of(Cabin::Economy)].concat());
    }
}
