//! What makes the plan of a flight a good one.

use chrono::{DateTime, Duration, Utc};
use shared::{
    fare::FlightFare,
    flight_time::{FlightTime, InvalidTime, LocalMinute},
    http::FieldError,
    money::Currency,
    seat::SeatPlan,
};

/// The longest flight from block to block.
const LONGEST: Duration = Duration::hours(24);
/// How far ahead flights can be planned: what airlines call the booking horizon, and some.
pub const HORIZON: Duration = Duration::days(2 * 365);
/// The highest base price, in whole units of the currency.
const HIGHEST_PRICE: i64 = 1_000_000;

/// The times of a flight out of local ones, with errors by JSON pointer.
///
/// # Errors
/// All that is wrong with them: times that clocks skip, an arrival that is not after the departure, a
/// flight of more than 24 hours, a departure that is past or too far ahead.
pub fn times(
    departure: (LocalMinute, &str),
    arrival: (LocalMinute, &str),
    now: DateTime<Utc>,
) -> Result<(FlightTime, FlightTime), Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut read = |pointer: &str, (local, zone): (LocalMinute, &str)| {
        let note = |error: InvalidTime| errors.push(FieldError::at(pointer, error));
        FlightTime::from_local(local, zone).map_err(note).ok()
    };
    let departure = read("/departure_local", departure);
    let arrival = read("/arrival_local", arrival);
    let (Some(departure), Some(arrival)) = (departure, arrival) else { return Err(errors) };
    errors.extend(check_times(&departure, &arrival, now));
    if errors.is_empty() { Ok((departure, arrival)) } else { Err(errors) }
}

/// Checks the times of a flight; gives errors by JSON pointer: an arrival that is not after the departure, a flight of
/// more than 24 hours, a departure that is past or too far ahead.
#[must_use]
pub fn check_times(departure: &FlightTime, arrival: &FlightTime, now: DateTime<Utc>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if departure.at <= now {
        errors.push(FieldError::at("/departure_local", "must be in the future"));
    } else if departure.at > now + HORIZON {
        errors.push(FieldError::at("/departure_local", "must be within two years"));
    }
    if arrival.at <= departure.at {
        errors.push(FieldError::at("/arrival_local", "must be after the departure"));
    } else if arrival.at - departure.at > LONGEST {
        errors.push(FieldError::at("/arrival_local", "must be within 24 hours of the departure"));
    }
    errors
}

/// Checks fares against the seats that they are for; gives errors by JSON pointer.
#[must_use]
pub fn check_fares(fares: &[FlightFare], plan: Option<&SeatPlan>, currency: Currency) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let highest = HIGHEST_PRICE * 10_i64.pow(currency.decimals());
    let cabins = plan.map(SeatPlan::cabin_names);
    for (index, fare) in fares.iter().enumerate() {
        if cabins.as_ref().is_some_and(|cabins| !cabins.contains(&fare.cabin)) {
            errors.push(FieldError::at(format!("/fares/{index}/cabin"), "is no cabin of the airplane"));
        }
        if fares[..index].iter().any(|other| (other.cabin, other.brand) == (fare.cabin, fare.brand)) {
            errors.push(FieldError::at(format!("/fares/{index}"), "repeats a cabin and brand"));
        }
        let pointer = || format!("/fares/{index}/base_price");
        if fare.base_price.currency != currency {
            errors.push(FieldError::at(pointer(), format!("must be in {currency}")));
        } else if !(1..=highest).contains(&fare.base_price.minor) {
            errors.push(FieldError::at(pointer(), format!("must be above zero and at most {HIGHEST_PRICE}")));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        fare::Brand,
        money::Money,
        seat::{Cabin, CabinSection},
    };

    fn local(text: &str) -> LocalMinute {
        text.parse().unwrap()
    }

    fn pointers(departure: &str, arrival: &str) -> Vec<String> {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let london = (local(departure), "Europe/London");
        let paris = (local(arrival), "Europe/Paris");
        let errors = times(london, paris, now).err().unwrap_or_default();
        errors.into_iter().filter_map(|error| error.pointer).collect()
    }

    #[test]
    fn good_times_pass_also_where_local_clocks_run_backwards() {
        assert_eq!(pointers("2026-12-01T10:00", "2026-12-01T12:15"), Vec::<String>::new());
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let west = times(
            (local("2026-12-01T23:50"), "Asia/Tokyo"),
            (local("2026-12-01T17:00"), "America/Los_Angeles"),
            now,
        );
        let (departure, arrival) = west.unwrap();
        assert_eq!(
            (arrival.at - departure.at).num_minutes(),
            610,
            "it arrives before it left, by the clocks"
        );
    }

    #[test]
    fn bad_times_are_all_told() {
        assert_eq!(pointers("2026-11-22T09:59", "2026-11-22T09:59"), ["/departure_local", "/arrival_local"]);
        assert_eq!(pointers("2026-12-01T10:00", "2026-12-02T11:01"), ["/arrival_local"]);
        assert_eq!(pointers("2030-12-01T10:00", "2030-12-01T12:00"), ["/departure_local"]);
        assert_eq!(pointers("2027-03-28T01:30", "2027-03-28T02:30"), ["/departure_local", "/arrival_local"]);
    }

    #[test]
    fn fares_are_checked_against_the_airplane() {
        let section = CabinSection { cabin: Cabin::Economy, rows: [1, 9], columns: "AC|DF".parse().unwrap() };
        let plan = SeatPlan { cabins: vec![section], exit_rows: vec![], blocked_seats: vec![] };
        let fare = |cabin, minor, currency| FlightFare {
            cabin,
            brand: Brand::Flex,
            base_price: Money::new(minor, currency),
        };
        let fares = [
            fare(Cabin::Economy, 100_000_001, Currency::EUR),
            fare(Cabin::Economy, 1, Currency::EUR),
            fare(Cabin::First, 0, "USD".parse().unwrap()),
        ];
        let errors = check_fares(&fares, Some(&plan), Currency::EUR);
        let pointers: Vec<_> = errors.into_iter().filter_map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/fares/0/base_price", "/fares/1", "/fares/2/cabin", "/fares/2/base_price"]);
    }
}
