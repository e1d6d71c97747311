//! Times of flights: an instant, the local time at the airport, and its zone.

use crate::time_zones::{self, Zone};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use jiff::{
    Timestamp,
    civil::DateTime as Civil,
    tz::{AmbiguousOffset, TimeZone},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, ops::Range, str::FromStr};
use utoipa::ToSchema;

/// Sales of a flight close this long before its departure.
const SALES_CLOSE: TimeDelta = TimeDelta::minutes(45);

/// When sales of a flight with this departure close.
#[must_use]
pub fn sales_close_at(departure: DateTime<Utc>) -> DateTime<Utc> {
    departure - SALES_CLOSE
}

/// Whether sales of a flight with this departure are still open. At the instant at which they close they
/// are not: a hold ends then, too.
#[must_use]
pub fn sales_are_open(departure: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now < sales_close_at(departure)
}

/// A local wall-clock time to the minute, without a zone: `2026-12-01T10:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalMinute(Civil);

/// Why a local time names no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// Not `YYYY-MM-DDTHH:MM`.
    #[error("must be a local time such as 2026-12-01T10:30")]
    Format,
    /// Not a zone of the database that the program carries.
    #[error("must be an IANA time zone such as Europe/Paris")]
    Zone,
    /// A zone in other capitals than its name has, which is given.
    #[error("must be spelt {0}")]
    ZoneSpelling(&'static str),
    /// Skipped by a change to daylight-saving time.
    #[error("does not exist in {0}: clocks are put forward over it")]
    Nonexistent(String),
    /// Outside of the years that can be computed.
    #[error("is out of range")]
    Range,
}

impl LocalMinute {
    /// The local calendar date.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        let date = self.0.date();
        // Both calendars are proleptic Gregorian; jiff's years (-9999..=9999) fit chrono's.
        NaiveDate::from_ymd_opt(
            date.year().into(),
            date.month().unsigned_abs().into(),
            date.day().unsigned_abs().into(),
        )
        .unwrap_or_default()
    }

    /// The civil time, for arithmetic.
    #[must_use]
    pub fn civil(self) -> Civil {
        self.0
    }
}

impl From<Civil> for LocalMinute {
    fn from(civil: Civil) -> Self {
        Self(civil.date().at(civil.hour(), civil.minute(), 0, 0))
    }
}

impl FromStr for LocalMinute {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        // Checked by place, because `strptime` takes signs, spaces and shorter numbers too.
        let fits = |(place, byte): (usize, u8)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 => byte == b':',
            _ => byte.is_ascii_digit(),
        };
        if text.len() != 16 || !text.bytes().enumerate().all(fits) {
            return Err(InvalidTime::Format);
        }
        Civil::strptime("%Y-%m-%dT%H:%M", text).map(Self).map_err(|_| InvalidTime::Format)
    }
}

impl fmt::Display for LocalMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        let (date, clock) = (time.date(), time.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}",
            date.year(),
            date.month(),
            date.day(),
            clock.hour(),
            clock.minute()
        )
    }
}

impl Serialize for LocalMinute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalMinute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A time of a flight, as the contract shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlightTime {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The same at the airport's clocks.
    #[schema(value_type = String, example = "2026-12-01T10:30")]
    pub local: LocalMinute,
    /// The airport's IANA zone.
    #[schema(example = "Europe/Paris")]
    pub time_zone: String,
}

impl FlightTime {
    /// The time that the airport's clocks show at an instant.
    ///
    /// # Errors
    /// [`InvalidTime::Zone`] for an unknown zone, [`InvalidTime::Range`] for a far instant.
    pub fn from_instant(at: DateTime<Utc>, time_zone: &str) -> Result<Self, InvalidTime> {
        let Zone { name, rules } = zone(time_zone)?;
        let instant = Timestamp::from_second(at.timestamp()).map_err(|_| InvalidTime::Range)?;
        let local = rules.to_datetime(instant).into();
        Ok(Self { at, local, time_zone: name.to_owned() })
    }

    /// The instant of a local time; of an ambiguous one (clocks are put back) the first.
    ///
    /// # Errors
    /// [`InvalidTime`] for an unknown zone or a time that clocks skip.
    pub fn from_local(local: LocalMinute, time_zone: &str) -> Result<Self, InvalidTime> {
        let Zone { name, rules } = zone(time_zone)?;
        let ambiguous = rules.to_ambiguous_timestamp(local.0);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(InvalidTime::Nonexistent(name.to_owned()));
        }
        let instant = ambiguous.earlier().map_err(|_| InvalidTime::Range)?;
        let at = DateTime::from_timestamp(instant.as_second(), 0).ok_or(InvalidTime::Range)?;
        Ok(Self { at, local, time_zone: name.to_owned() })
    }

    /// The instants of a local date, from its first one up to that of the next date.
    ///
    /// # Errors
    /// [`InvalidTime::Zone`] for an unknown zone, [`InvalidTime::Range`] for a far date.
    pub fn day(date: NaiveDate, time_zone: &str) -> Result<Range<DateTime<Utc>>, InvalidTime> {
        let rules = zone(time_zone)?.rules;
        let start = |date: NaiveDate| {
            let year = date.year().try_into().map_err(|_| InvalidTime::Range)?;
            let (month, day) = (date.month() as i8, date.day() as i8);
            let civil = jiff::civil::Date::new(year, month, day).map_err(|_| InvalidTime::Range)?;
            // Of a midnight that clocks skip it is the time after.
            let first = rules.to_ambiguous_timestamp(civil.at(0, 0, 0, 0)).compatible();
            let first = first.map_err(|_| InvalidTime::Range)?;
            DateTime::from_timestamp(first.as_second(), 0).ok_or(InvalidTime::Range)
        };
        Ok(start(date)?..start(date.succ_opt().ok_or(InvalidTime::Range)?)?)
    }

    /// The offset from UTC in minutes, east positive.
    #[must_use]
    pub fn offset_minutes(&self) -> i64 {
        let local = TimeZone::UTC.to_timestamp(self.local.0).map_or(0, Timestamp::as_second);
        (local - self.at.timestamp()).div_euclid(60)
    }
}

/// A zone by its name in any capitals: what earlier releases have stored is still read.
fn zone(name: &str) -> Result<Zone, InvalidTime> {
    time_zones::find(name).ok_or(InvalidTime::Zone)
}

/// Checks that a text is the name of a zone in its canonical spelling.
///
/// # Errors
/// [`InvalidTime::Zone`] where it names none, [`InvalidTime::ZoneSpelling`] where its capitals are others.
pub fn check_zone(name: &str) -> Result<(), InvalidTime> {
    match time_zones::canonical_name(name) {
        Some(canonical) if canonical == name => Ok(()),
        Some(canonical) => Err(InvalidTime::ZoneSpelling(canonical)),
        None => Err(InvalidTime::Zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> LocalMinute {
        text.parse().unwrap()
    }

    #[test]
    fn sales_are_closed_from_the_instant_at_which_they_close() {
        let departure: DateTime<Utc> = "2026-12-01T09:30:00Z".parse().unwrap();
        let close: DateTime<Utc> = "2026-12-01T08:45:00Z".parse().unwrap();
        assert_eq!(sales_close_at(departure), close);
        assert!(sales_are_open(departure, close - TimeDelta::microseconds(1)));
        assert!(!sales_are_open(departure, close) && !sales_are_open(departure, departure));
    }

    #[test]
    fn local_times_become_instants_and_back() {
        let time = FlightTime::from_local(local("2026-12-01T10:30"), "Europe/Paris").unwrap();
        assert_eq!(time.at.to_rfc3339(), "2026-12-01T09:30:00+00:00");
        assert_eq!(time.offset_minutes(), 60);
        assert_eq!(FlightTime::from_instant(time.at, "Europe/Paris").unwrap(), time);
        assert_eq!(time.local.date().to_string(), "2026-12-01");
        let tokyo = FlightTime::from_instant(time.at, "Asia/Tokyo").unwrap();
        assert_eq!(tokyo.local.to_string(), "2026-12-01T18:30");
    }

    #[test]
    fn skipped_times_are_refused_and_repeated_ones_are_the_first() {
        let gap = FlightTime::from_local(local("2027-03-28T02:30"), "Europe/Paris");
        assert_eq!(gap, Err(InvalidTime::Nonexistent("Europe/Paris".into())));
        let fold = FlightTime::from_local(local("2026-10-25T02:30"), "Europe/Paris").unwrap();
        assert_eq!(fold.at.to_rfc3339(), "2026-10-25T00:30:00+00:00");
    }

    #[test]
    fn a_day_lasts_from_its_first_instant_to_that_of_the_next() {
        for (date, zone, from, to) in [
            ("2026-12-01", "Europe/Paris", "2026-11-30T23:00:00+00:00", "2026-12-01T23:00:00+00:00"),
            ("2026-10-25", "Europe/Paris", "2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00"),
            // Clocks are put forward at midnight: the day begins at one.
            ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00+00:00", "2026-04-24T21:00:00+00:00"),
            ("2026-12-01", "Pacific/Kiritimati", "2026-11-30T10:00:00+00:00", "2026-12-01T10:00:00+00:00"),
        ] {
            let day = FlightTime::day(date.parse().unwrap(), zone).unwrap();
            assert_eq!(
                (day.start.to_rfc3339().as_str(), day.end.to_rfc3339().as_str()),
                (from, to),
                "{date} {zone}"
            );
        }
        assert_eq!(FlightTime::day("2026-12-01".parse().unwrap(), "Mars/Olympus"), Err(InvalidTime::Zone));
    }

    #[test]
    fn impossible_times_are_refused() {
        for text in [
            "2026-02-30T10:00",
            "2026-12-01T24:00",
            "2026-12-01 10:00",
            "2026-12-01T10:00:00",
            "-001-12-01T10:00",
            "+026-12-01T10:00",
            "2026-12-01T 9:00",
            "2026-1-001T10:00",
            "",
        ] {
            assert!(text.parse::<LocalMinute>().is_err(), "{text:?}");
        }
        assert_eq!(FlightTime::from_local(local("2026-12-01T10:30"), "Mars/Olympus"), Err(InvalidTime::Zone));
    }

    #[test]
    fn zones_are_named_in_their_canonical_spelling() {
        for name in ["Europe/Paris", "America/Argentina/Ushuaia", "Asia/Kolkata", "America/St_Johns", "UTC"] {
            assert_eq!(check_zone(name), Ok(()), "{name}");
        }
        for (name, canonical) in
            [("europe/paris", "Europe/Paris"), ("AMERICA/ST_JOHNS", "America/St_Johns"), ("utc", "UTC")]
        {
            assert_eq!(check_zone(name), Err(InvalidTime::ZoneSpelling(canonical)));
            let time = FlightTime::from_local(local("2026-12-01T10:30"), name).unwrap();
            assert_eq!(
                time.time_zone, canonical,
                "what was stored in other capitals is told in the right ones"
            );
        }
        for name in [
            "localtime",
            "posixrules",
            "Factory",
            "factory",
            "posix/Europe/Paris",
            "right/Europe/Paris",
            "Etc/Unknown",
            "CET-1CEST",
            "+01:00",
            "Europe/Paris ",
            "../Europe/Paris",
            "",
        ] {
            assert_eq!(check_zone(name), Err(InvalidTime::Zone), "{name:?}");
            assert_eq!(FlightTime::from_local(local("2026-12-01T10:30"), name), Err(InvalidTime::Zone));
        }
    }
}
