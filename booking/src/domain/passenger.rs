//! Who travels.

use super::name_characters::{is_letter, may_stand_in_a_name, turns_direction};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use shared::{fare::PassengerType, ids::PassengerId, seat::SeatDesignator};
use std::str::FromStr;

/// Characters that a name may have.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=60;

/// Years that a traveller may have: nobody is known to have had three more.
const OLDEST: i32 = 120;

/// A given or family name: letters of any script, with what stands between letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidName {
    #[error("must have 1 to 60 characters")]
    Length,
    #[error(
        "must consist of letters, spaces, hyphens, apostrophes and full stops: no digits, symbols or emoji"
    )]
    Characters,
    #[error("must not contain characters that turn the direction of text")]
    Direction,
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// One that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// For comparing: without regard to capitals.
    pub(crate) fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// A name as it is compared.
pub(crate) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !NAME_LENGTH.contains(&text.chars().count()) {
            return Err(InvalidName::Length);
        }
        if text.chars().any(turns_direction) {
            return Err(InvalidName::Direction);
        }
        let valid = text.chars().all(may_stand_in_a_name) && text.chars().any(is_letter);
        if valid { Ok(Self(text)) } else { Err(InvalidName::Characters) }
    }
}

/// A passenger of a booking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Passenger {
    pub(crate) id: PassengerId,
    pub(crate) kind: PassengerType,
    pub(crate) given_name: Name,
    pub(crate) family_name: Name,
    /// Given and family name as they were booked, where they were corrected since.
    pub(crate) booked_name: Option<(Name, Name)>,
    pub(crate) born_on: NaiveDate,
    /// See [`ticket`](super::ticket). Drawn when the booking is made, issued when it is confirmed.
    pub(crate) ticket_number: Option<i64>,
    /// One a segment; none for an infant.
    pub(crate) seats: Vec<Option<SeatDesignator>>,
}

impl Passenger {
    pub(crate) fn fingerprint(&self) -> i64 {
        fingerprint(&self.given_name, &self.family_name, self.born_on)
    }
}

/// What tells one person from another: names without regard to capitals, and the date of birth.
pub(crate) fn fingerprint(given: &Name, family: &Name, born_on: NaiveDate) -> i64 {
    let mut hash = Sha256::new();
    for part in [given.folded(), family.folded(), born_on.to_string()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(first)
}

/// Completed years at a date. Who was born on 29 February has a birthday on 1 March in other years.
pub(crate) fn age(born_on: NaiveDate, at: NaiveDate) -> i32 {
    let had_birthday = (at.month(), at.day()) >= (born_on.month(), born_on.day());
    at.year() - born_on.year() - i32::from(!had_birthday)
}

/// Why a date of birth does not fit a passenger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidAge {
    #[error("must not be in the future")]
    Future,
    #[error("must not be more than 120 years ago")]
    TooOld,
    #[error("an ADT is 12 years or older on the day of the flight")]
    Adult,
    #[error("a CHD is 2 to 11 years old on the day of the flight")]
    Child,
    #[error("an INF is under 2 years old on the day of the flight")]
    Infant,
}

/// Checks a date of birth before the flights are known: today is the latest day that it is anywhere.
pub(crate) fn check_birth(born_on: NaiveDate, now: DateTime<Utc>) -> Result<(), InvalidAge> {
    let today = (now + TimeDelta::hours(14)).date_naive();
    if born_on > today {
        Err(InvalidAge::Future)
    } else if age(born_on, today) > OLDEST {
        Err(InvalidAge::TooOld)
    } else {
        Ok(())
    }
}

/// Checks the type of a passenger against the age at the last flight; `departs_on` and `today` are
/// local to the origin.
pub(crate) fn check_age(
    kind: PassengerType,
    born_on: NaiveDate,
    today: NaiveDate,
    departs_on: NaiveDate,
) -> Result<(), InvalidAge> {
    if born_on > today {
        return Err(InvalidAge::Future);
    }
    let years = age(born_on, departs_on);
    match kind {
        _ if years > OLDEST => Err(InvalidAge::TooOld),
        PassengerType::Adt if years < 12 => Err(InvalidAge::Adult),
        PassengerType::Chd if !(2..12).contains(&years) => Err(InvalidAge::Child),
        PassengerType::Inf if years >= 2 => Err(InvalidAge::Infant),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn names_of_all_scripts_are_names() {
        for text in [
            "Ada",
            "O'Brien",
            "Jean-Luc",
            "María José",
            "李",
            "محمد",
            "شَهْرَزَاد",
            "שָׂרָה",
            "सत्या",
            "Nguyễn",
            "St. John",
            "Ngu\u{303}ye\u{302}\u{301}n",
            "สมชาย",
            "គឹម",
            "தமிழ்",
            "မြင့်",
            "Gal·la",
            "دانه\u{200c}ها",
        ] {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        assert_eq!("  Ada   Maria ".parse::<Name>().map(|name| name.0), Ok("Ada Maria".to_owned()));
        for text in ["", " ", &"x".repeat(61), &"x".repeat(500)] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Length), "{text:?}");
        }
        for text in ["a\u{202e}b", "a\u{2067}b", "\u{200f}محمد"] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Direction), "{text:?}");
        }
        for text in [
            "-",
            "Ada1",
            "Ada\u{7}",
            "😀",
            "Ada😀",
            "👨\u{200d}👩",
            "🅰",
            "Ⓐda",
            "𝒜da",
            "\u{3164}",
            "A\u{20e3}",
            "a\u{fe0f}",
            "<b>",
            "\u{301}",
            "Ada\u{feff}",
            "٣",
            "€va",
        ] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Characters), "{text:?}");
        }
    }

    #[test]
    fn the_same_person_has_the_same_fingerprint() {
        let of = |given: &str, family: &str| {
            fingerprint(&given.parse().unwrap(), &family.parse().unwrap(), date("1990-01-01"))
        };
        assert_eq!(of("Ada", "LOVELACE"), of("ada", "Lovelace"));
        assert_ne!(of("Ada", "Lovelace"), of("AdaL", "ovelace"));
    }

    #[test]
    fn ages_count_on_the_day_of_the_flight() {
        let check = |kind, born: &str| check_age(kind, date(born), date("2026-11-01"), date("2026-12-01"));
        assert_eq!(check(PassengerType::Adt, "2014-12-01"), Ok(()));
        assert_eq!(check(PassengerType::Adt, "2014-12-02"), Err(InvalidAge::Adult));
        assert_eq!(check(PassengerType::Chd, "2014-12-02"), Ok(()));
        assert_eq!(check(PassengerType::Chd, "2024-12-01"), Ok(()));
        assert_eq!(check(PassengerType::Chd, "2024-12-02"), Err(InvalidAge::Child));
        assert_eq!(check(PassengerType::Inf, "2024-12-02"), Ok(()));
        assert_eq!(check(PassengerType::Inf, "2024-12-01"), Err(InvalidAge::Infant));
        assert_eq!(check(PassengerType::Inf, "2026-11-02"), Err(InvalidAge::Future));
        assert_eq!(check(PassengerType::Adt, "1800-01-01"), Err(InvalidAge::TooOld));
        assert_eq!(age(date("2024-02-29"), date("2026-02-28")), 1);
    }
}
