//! Calendar dates, as clients write them.

use chrono::{Datelike, NaiveDate};
use std::{ops::RangeInclusive, str::FromStr};

/// No traveller was born before these years, and no flight leaves after them.
const YEARS: RangeInclusive<i32> = 1900..=2199;

/// A date as clients write it: `2026-12-01` and nothing looser, from 1900 to 2199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDate(pub NaiveDate);

/// Why a text is no such date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDate {
    /// Not `YYYY-MM-DD`, or a day that no month has.
    #[error("must be a date such as 2026-12-01")]
    Format,
    /// A day of other centuries.
    #[error("must be a date from 1900-01-01 to 2199-12-31")]
    Range,
}

impl FromStr for CalendarDate {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        // Checked by place, because chrono takes signs, spaces and shorter numbers too.
        let fits = |(place, byte): (usize, u8)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        if text.len() != 10 || !text.bytes().enumerate().all(fits) {
            return Err(InvalidDate::Format);
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| InvalidDate::Format)?;
        if YEARS.contains(&date.year()) { Ok(Self(date)) } else { Err(InvalidDate::Range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_strictly() {
        for text in ["2026-12-01", "2028-02-29", "1900-01-01", "2199-12-31"] {
            assert_eq!(text.parse::<CalendarDate>().map(|date| date.0.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "2026-02-30",
            "2027-02-29",
            "2026-2-3",
            "26-12-01",
            "2026-12-1x",
            "+026-12-01",
            "-001-01-01",
            "-0001-01-01",
            "2026- 2-03",
            "2026--1-01",
            "2026-12-01T00:00",
            "２０２６-12-01",
            "",
        ] {
            assert_eq!(text.parse::<CalendarDate>(), Err(InvalidDate::Format), "{text:?}");
        }
        for text in ["0000-01-01", "0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"] {
            assert_eq!(text.parse::<CalendarDate>(), Err(InvalidDate::Range), "{text:?}");
        }
    }
}
