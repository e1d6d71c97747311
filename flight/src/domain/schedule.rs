//! Season schedules: on which days a flight number flies, at which local times.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use shared::{
    fare::FlightFare,
    flight_time::{FlightTime, InvalidTime},
    iata::{AirportCode, FlightNumber, Registration},
    ids::ScheduleId,
};
use std::{fmt, str::FromStr};

/// The longest flight from block to block.
pub const LONGEST_FLIGHT: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// A time of day by the clocks of a place, to the minute: `10:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(civil::Time);

/// A text that is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of day such as 10:30")]
pub struct InvalidTimeOfDay;

impl TimeOfDay {
    /// The time that is this many minutes after midnight.
    #[must_use]
    pub fn from_minutes(minutes: i16) -> Option<Self> {
        let hour = i8::try_from(minutes.div_euclid(60)).ok()?;
        // A remainder of 60 is below 60.
        civil::Time::new(hour, minutes.rem_euclid(60) as i8, 0, 0).ok().map(Self)
    }

    /// Minutes after midnight.
    #[must_use]
    pub fn minutes(self) -> i16 {
        i16::from(self.0.hour()) * 60 + i16::from(self.0.minute())
    }

    /// The time of day of a local time.
    #[must_use]
    pub fn of(local: civil::DateTime) -> Self {
        Self(civil::time(local.hour(), local.minute(), 0, 0))
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOfDay> {
        let number = |digits: Option<&str>| {
            digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<i8>().ok()
        };
        let (hour, minute) = (number(text.get(..2)), number(text.get(3..)));
        match (hour, text.get(2..3), minute) {
            (Some(hour), Some(":"), Some(minute)) if text.len() == 5 => {
                civil::Time::new(hour, minute, 0, 0).map(Self).map_err(|_| InvalidTimeOfDay)
            }
            _ => Err(InvalidTimeOfDay),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Days of the week: Monday is 1, and stands in the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperatingDays(u8);

/// Days that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 7 different days, from 1 (Monday) to 7 (Sunday)")]
pub struct InvalidDays;

impl OperatingDays {
    /// Days out of seven bits, Monday the lowest.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        (1..=0b111_1111).contains(&bits).then_some(Self(bits))
    }

    /// The same as bits.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The day of the week of a date alone.
    #[must_use]
    pub fn of(date: NaiveDate) -> Self {
        Self(1 << date.weekday().num_days_from_monday())
    }

    /// These days and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the date is on one of these days.
    #[must_use]
    pub fn contains(self, date: NaiveDate) -> bool {
        self.0 & Self::of(date).0 != 0
    }

    /// Their numbers in order.
    pub fn numbers(self) -> impl Iterator<Item = u8> {
        (1..=7).filter(move |number| self.0 >> (number - 1) & 1 == 1)
    }
}

impl TryFrom<Vec<u8>> for OperatingDays {
    type Error = InvalidDays;

    fn try_from(numbers: Vec<u8>) -> Result<Self, InvalidDays> {
        let mut bits = 0;
        for number in numbers {
            let bit = if (1..=7).contains(&number) { 1_u8 << (number - 1) } else { return Err(InvalidDays) };
            if bits & bit != 0 {
                return Err(InvalidDays);
            }
            bits |= bit;
        }
        Self::from_bits(bits).ok_or(InvalidDays)
    }
}

impl Serialize for OperatingDays {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.numbers())
    }
}

impl<'de> Deserialize<'de> for OperatingDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

/// A season schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// The number of its flights.
    pub flight_number: FlightNumber,
    /// From where.
    pub origin: AirportCode,
    /// To where.
    pub destination: AirportCode,
    /// The first date of the season, local to the origin.
    pub effective_from: NaiveDate,
    /// The last date of the season.
    pub effective_to: NaiveDate,
    /// The days of the week on which it leaves, local to the origin.
    pub days_of_operation: OperatingDays,
    /// When it leaves, by the clocks of the origin.
    pub departure_time: TimeOfDay,
    /// When it arrives, by the clocks of the destination.
    pub arrival_time: TimeOfDay,
    /// Days from the local date of the departure to the local date of the arrival: -1 to 2.
    pub arrival_day_offset: i8,
    /// The airplane that flies it.
    pub airplane: Registration,
    /// What is on sale.
    pub fares: Vec<FlightFare>,
}

/// Why a schedule has no flight on a date on which it should have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OccurrenceFlaw {
    /// Clocks are put forward over the departure, or the place skips the whole day.
    #[error("the clocks of the origin skip the departure")]
    DepartureSkipped,
    /// Clocks are put forward over the arrival.
    #[error("the clocks of the destination skip the arrival")]
    ArrivalSkipped,
    /// By UTC it arrives before it leaves.
    #[error("the arrival is not after the departure")]
    ArrivalNotAfter,
    /// It takes more than 24 hours.
    #[error("the arrival is more than 24 hours after the departure")]
    TooLong,
    /// A date or an instant is beyond what can be computed.
    #[error("the date is out of range")]
    Range,
}

/// A flight of a schedule on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
}

impl Schedule {
    /// Whether it flies on this date, local to the origin.
    #[must_use]
    pub fn operates_on(&self, date: NaiveDate) -> bool {
        (self.effective_from..=self.effective_to).contains(&date) && self.days_of_operation.contains(date)
    }

    /// The dates on which it flies, both ends of the window included, in order.
    pub fn dates(&self, from: NaiveDate, until: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<> {
        let (first, last) = (from.max(self.effective_from), until.min(self.effective_to));
        let days = self.days_of_operation;
        first.iter_days().take_while(move |date| *date <= last).filter(move |date| days.contains(*date))
    }

    /// Its flight on a date, by the clocks of the zones of origin and destination. The local times are always those
    /// of the schedule; of times that clocks show twice it is the first.
    ///
    /// # Errors
    /// [`OccurrenceFlaw`]
    pub fn occurrence(
        &self,
        date: NaiveDate,
        (origin_zone, destination_zone): (&str, &str),
    ) -> Result<Occurrence, OccurrenceFlaw> {
        let offset = Days::new(self.arrival_day_offset.unsigned_abs().into());
        let arrival_date = match self.arrival_day_offset {
            ..0 => date.checked_sub_days(offset),
            0.. => date.checked_add_days(offset),
        };
        let at = |date: NaiveDate, time: TimeOfDay, zone: &str, skipped: OccurrenceFlaw| {
            let date = civil_date(date).ok_or(OccurrenceFlaw::Range)?;
            FlightTime::from_local(date.to_datetime(time.0).into(), zone).map_err(|error| match error {
                InvalidTime::Nonexistent(_) => skipped,
                _ => OccurrenceFlaw::Range,
            })
        };
        let departure = at(date, self.departure_time, origin_zone, OccurrenceFlaw::DepartureSkipped)?;
        let arrival_date = arrival_date.ok_or(OccurrenceFlaw::Range)?;
        let arrival = at(arrival_date, self.arrival_time, destination_zone, OccurrenceFlaw::ArrivalSkipped)?;
        if arrival.at <= departure.at {
            return Err(OccurrenceFlaw::ArrivalNotAfter);
        }
        if arrival.at - departure.at > LONGEST_FLIGHT {
            return Err(OccurrenceFlaw::TooLong);
        }
        Ok(Occurrence { departure, arrival })
    }
}

fn civil_date(date: NaiveDate) -> Option<civil::Date> {
    let year = i16::try_from(date.year()).ok()?;
    // A month and a day of the month are at most 31.
    civil::Date::new(year, date.month() as i8, date.day() as i8).ok()
}

/// A hash of what a schedule decides of a flight. It is stored with the flight that was generated: as long as the flight
/// still has it, nobody else has changed the flight.
#[must_use]
pub fn plan_mark(
    departs_at: DateTime<Utc>,
    arrives_at: DateTime<Utc>,
    airplane: &Registration,
    fares: &[FlightFare],
) -> i64 {
    let mut fares: Vec<&FlightFare> = fares.iter().collect();
    fares.sort_by_key(|fare| (fare.cabin, fare.brand));
    let mut text = format!("{} {} {airplane}", departs_at.timestamp(), arrives_at.timestamp());
    for fare in fares {
        let price = fare.base_price;
        text.push_str(&format!(" {}:{}:{}:{}", fare.cabin.as_str(), fare.brand, price.minor, price.currency));
    }
    let hash = Sha256::digest(text);
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests;
