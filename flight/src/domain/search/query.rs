//! What a search looks for, and the rules that it goes by.

use chrono::{NaiveDate, TimeDelta};
use shared::{
    fare::PassengerType,
    iata::{AirlineCode, AirportCode},
    money::Currency,
    seat::Cabin,
};
use std::{fmt, str::FromStr};

/// The most slices of a journey.
pub const MOST_SLICES: usize = 6;

/// The most connections of a slice.
pub const MOST_CONNECTIONS: usize = 2;

/// Connections of a slice where a query does not say.
pub const DEFAULT_CONNECTIONS: usize = 1;

/// Who travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Party {
    /// 12 years and older; at least one.
    pub adults: u32,
    /// 2 to 11 years; with the adults 9 at most.
    pub children: u32,
    /// On laps: not more than adults.
    pub infants: u32,
}

impl Party {
    /// One adult.
    pub const ONE_ADULT: Self = Self { adults: 1, children: 0, infants: 0 };

    /// Seats that they need.
    #[must_use]
    pub fn seats(self) -> u32 {
        self.adults + self.children
    }

    /// The types of which there are any.
    pub fn types(self) -> impl Iterator<Item = (PassengerType, u32)> {
        [
            (PassengerType::Adt, self.adults),
            (PassengerType::Chd, self.children),
            (PassengerType::Inf, self.infants),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}

/// One way of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slice {
    /// An airport, or a city with all of its airports.
    pub origin: AirportCode,
    /// An airport, or a city with all of its airports.
    pub destination: AirportCode,
    /// Local date of the departure.
    pub date: NaiveDate,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The cheapest offer for the whole party.
    Price,
    /// The shortest time from the departures to the arrivals of all slices.
    Duration,
    /// The earliest departure.
    Departure,
    /// Cheap, short and simple: the price, and what [`SearchRules`] charges for hours and connections.
    Best,
}

/// A text that is no order.
#[derive(Debug, thiserror::Error)]
#[error("must be price, duration, departure or best")]
pub struct UnknownSort;

impl FromStr for Sort {
    type Err = UnknownSort;

    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        match text {
            "price" => Ok(Self::Price),
            "duration" => Ok(Self::Duration),
            "departure" => Ok(Self::Departure),
            "best" => Ok(Self::Best),
            _ => Err(UnknownSort),
        }
    }
}

/// A minute of the day on the clocks of an airport, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(i32);

impl TimeOfDay {
    /// Minutes since midnight.
    #[must_use]
    pub fn minute_of_day(self) -> i32 {
        self.0
    }
}

/// A text that is no time of day.
#[derive(Debug, thiserror::Error)]
#[error("must be a time of day such as 08:30")]
pub struct InvalidTimeOfDay;

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOfDay> {
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute) = text.split_once(':').ok_or(InvalidTimeOfDay)?;
        if !digits(hour) || !digits(minute) {
            return Err(InvalidTimeOfDay);
        }
        let (hour, minute): (i32, i32) = (hour.parse().unwrap_or(24), minute.parse().unwrap_or(60));
        if hour < 24 && minute < 60 { Ok(Self(hour * 60 + minute)) } else { Err(InvalidTimeOfDay) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// The ways, in the order of travel: 1 to [`MOST_SLICES`].
    pub slices: Vec<Slice>,
    /// Who travels.
    pub party: Party,
    /// Only offers of this cabin.
    pub cabin: Option<Cabin>,
    /// The most connections of each slice, up to [`MOST_CONNECTIONS`].
    pub max_connections: usize,
    /// What comes first.
    pub sort: Sort,
    /// Only flights of this airline.
    pub airline: Option<AirlineCode>,
    /// Only journeys with a connection at this airport, or in the city of this code, in each slice.
    pub via: Option<AirportCode>,
    /// The first flight leaves at this time or later.
    pub depart_after: Option<TimeOfDay>,
    /// The first flight leaves at this time or earlier.
    pub depart_before: Option<TimeOfDay>,
    /// The most minutes from the departure to the arrival of each slice.
    pub max_duration: Option<u32>,
    /// Only offers up to this total, in minor units of the sale currency.
    pub max_price: Option<i64>,
}

impl Query {
    /// The cheapest offers of one way for an adult, with the connections of a query that does not say.
    #[must_use]
    pub fn of_one_adult(slice: Slice, cabin: Option<Cabin>) -> Self {
        Self {
            slices: vec![slice],
            party: Party::ONE_ADULT,
            cabin,
            max_connections: DEFAULT_CONNECTIONS,
            sort: Sort::Price,
            airline: None,
            via: None,
            depart_after: None,
            depart_before: None,
            max_duration: None,
            max_price: None,
        }
    }
}

/// What an installation decides of its searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchRules {
    /// The one currency of all fares.
    pub currency: Currency,
    /// The longest time from an arrival to the next departure of a slice.
    pub max_layover: TimeDelta,
    /// What an hour of a journey counts in [`Sort::Best`], in minor units of the currency.
    pub hour_price: i64,
    /// What a connection counts in [`Sort::Best`], in minor units of the currency.
    pub connection_price: i64,
}

impl SearchRules {
    /// The rules of an installation that sets none: layovers up to 24 hours, 25.00 an hour, 40.00 a connection.
    #[must_use]
    pub fn of(currency: Currency) -> Self {
        let unit = 10_i64.pow(currency.decimals());
        Self {
            currency,
            max_layover: TimeDelta::hours(24),
            hour_price: 25 * unit,
            connection_price: 40 * unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_strictly() {
        assert_eq!("08:05".parse::<TimeOfDay>().unwrap().to_string(), "08:05");
        for text in ["8:05", "08:60", "24:00", "0805", "08:05:00", "+8:05", ""] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text:?}");
        }
    }
}
