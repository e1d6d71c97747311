//! A passenger: identity, age and seats.

use crate::passengers::former_names::former_folds;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use shared_types::{fare::PassengerType, ids::PassengerId, person_name::PersonName, seat::SeatDesignator};

/// The highest age of a traveller in years. The oldest known person reached 122.
const OLDEST: i32 = 120;

/// A passenger of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Passenger {
    /// The identifier of the passenger.
    pub id: PassengerId,
    /// Adult, child or infant.
    pub kind: PassengerType,
    /// The given name, with all corrections.
    pub given_name: PersonName,
    /// The family name, with all corrections.
    pub family_name: PersonName,
    /// Given and family name as they were booked; `None`: they were never corrected.
    pub booked_name: Option<(PersonName, PersonName)>,
    /// The date of birth.
    pub born_on: NaiveDate,
    /// The 13 digits of the e-ticket, see [`ticket`](crate::booking::ticket). The number is allocated when the booking
    /// is made, and the ticket is issued by the confirmation. `None`: no number yet.
    pub ticket_number: Option<i64>,
    /// The seat on each segment; `None`: not assigned yet, or an infant.
    pub seats: Vec<Option<SeatDesignator>>,
}

impl Passenger {
    /// The fingerprint of the passenger's names and date of birth; see [`fingerprint`].
    pub fn fingerprint(&self) -> i64 {
        fingerprint(&self.given_name, &self.family_name, self.born_on)
    }

    /// The fingerprints under which earlier releases may have stored the passenger on flights, the oldest first and
    /// without the present one. Older releases distinguished more spellings of a name.
    pub fn former_fingerprints(&self) -> Vec<i64> {
        let folds = former_folds(&self.given_name, &self.family_name);
        let mut former: Vec<i64> = folds.into_iter().map(|names| hashed(names, self.born_on)).collect();
        former.dedup();
        if !former.is_empty() {
            let present = self.fingerprint();
            former.retain(|one| *one != present);
        }
        former
    }
}

/// The fingerprint of a person: a hash of the folded names and the date of birth. It identifies a passenger of an
/// account on a flight.
pub fn fingerprint(given: &PersonName, family: &PersonName, born_on: NaiveDate) -> i64 {
    hashed([given.folded(), family.folded()], born_on)
}

/// The first eight bytes of a SHA-256 hash, as a number.
fn hashed([given, family]: [String; 2], born_on: NaiveDate) -> i64 {
    let mut hash = Sha256::new();
    for part in [given, family, born_on.to_string()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(first)
}

/// Completed years at a date. A person born on 29 February has a birthday on 1 March in other years.
pub fn age(born_on: NaiveDate, at: NaiveDate) -> i32 {
    let had_birthday = (at.month(), at.day()) >= (born_on.month(), born_on.day());
    at.year() - born_on.year() - i32::from(!had_birthday)
}

/// The reason why a date of birth is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAge {
    /// The date is in the future.
    #[error("must not be in the future")]
    Future,
    /// The person would be older than anybody.
    #[error("must not be more than 120 years ago")]
    TooOld,
    /// An adult (ADT) is younger than 12 years.
    #[error("an ADT is 12 years or older on the day of the flight")]
    Adult,
    /// A child (CHD) is younger than 2 or older than 11 years.
    #[error("a CHD is 2 to 11 years old on the day of the flight")]
    Child,
    /// An infant (INF) is 2 years or older.
    #[error("an INF is under 2 years old on the day of the flight")]
    Infant,
}

/// Checks a date of birth before the flights are known. Today is the latest day that it is anywhere at `now`.
///
/// # Errors
/// [`InvalidAge::Future`], [`InvalidAge::TooOld`].
pub fn check_birth(born_on: NaiveDate, now: DateTime<Utc>) -> Result<(), InvalidAge> {
    let today = (now + TimeDelta::hours(14)).date_naive();
    if born_on > today {
        Err(InvalidAge::Future)
    } else if age(born_on, today) > OLDEST {
        Err(InvalidAge::TooOld)
    } else {
        Ok(())
    }
}

/// Checks the type of a passenger against the age at the last flight. `departs_on`: the local date at its origin.
///
/// It does not refuse a date of birth after `departs_on`: at the place of birth today may be a later day than at the
/// origin. [`check_birth`] refuses future dates.
///
/// # Errors
/// [`InvalidAge`]: the age does not fit the type.
pub fn check_age(kind: PassengerType, born_on: NaiveDate, departs_on: NaiveDate) -> Result<(), InvalidAge> {
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
    use crate::samples;
    use shared_types::ids::FlightId;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_person_has_the_same_fingerprint() {
        let of = |given: &str, family: &str| {
            fingerprint(&given.parse().unwrap(), &family.parse().unwrap(), date("1990-01-01"))
        };
        assert_eq!(of("Ada", "LOVELACE"), of("ada", "Lovelace"));
        assert_ne!(of("Ada", "Lovelace"), of("AdaL", "ovelace"));
        assert_eq!(of("Zo\u{eb}", "Ruiz"), of("ZOE\u{308}", "Ruiz"));
        assert_eq!(of("دانه\u{200c}ها", "Ruiz"), of("دانهها", "Ruiz"));
        assert_eq!(of("Ada", "O\u{2019}Neil"), of("ADA", "O'NEIL"));
        assert_eq!(of("Ada", "Weiß"), of("Ada", "WEISS"));
        assert_eq!(of("İlker", "Işık"), of("ILKER", "IŞIK"));
    }

    #[test]
    fn fingerprints_of_earlier_releases_are_computed() {
        let of = |given: &str| {
            let mut booking = samples::booking(FlightId::new(), &["4A"]);
            let mut passenger = booking.passengers.remove(0);
            passenger.given_name = PersonName::stored(given.to_owned());
            passenger
        };
        for same in ["Ada", "ADA", "O'Neil", "Zo\u{eb}"] {
            assert_eq!(of(same).former_fingerprints(), [0; 0], "{same}");
        }
        for (given, count) in [
            ("Zoe\u{308}", 1),
            ("Ada\u{200d}", 1),
            ("O\u{2019}Neil", 1),
            ("Wei\u{df}", 1),
            ("\u{130}pek", 1),
            ("Σοφοκλῆς", 1),
            ("Zoe\u{308} O\u{2019}Neil", 2),
        ] {
            let former = of(given).former_fingerprints();
            assert_eq!(former.len(), count, "{given}");
            assert!(!former.contains(&of(given).fingerprint()), "{given}");
        }
        // The first releases computed this of "zoe", with a separate diaeresis, and "x".
        assert_eq!(of("Zoe\u{308}").former_fingerprints(), [6_388_707_958_663_334_551]);
    }

    #[test]
    fn ages_count_on_the_day_of_the_flight() {
        let check = |kind, born: &str| check_age(kind, date(born), date("2026-12-01"));
        assert_eq!(check(PassengerType::Adt, "2014-12-01"), Ok(()));
        assert_eq!(check(PassengerType::Adt, "2014-12-02"), Err(InvalidAge::Adult));
        assert_eq!(check(PassengerType::Chd, "2014-12-02"), Ok(()));
        assert_eq!(check(PassengerType::Chd, "2024-12-01"), Ok(()));
        assert_eq!(check(PassengerType::Chd, "2024-12-02"), Err(InvalidAge::Child));
        assert_eq!(check(PassengerType::Inf, "2024-12-02"), Ok(()));
        assert_eq!(check(PassengerType::Inf, "2024-12-01"), Err(InvalidAge::Infant));
        assert_eq!(check(PassengerType::Inf, "2026-12-02"), Ok(()), "born where it was the next day already");
        assert_eq!(check(PassengerType::Adt, "1800-01-01"), Err(InvalidAge::TooOld));
        assert_eq!(age(date("2024-02-29"), date("2026-02-28")), 1);
    }

    #[test]
    fn a_date_of_birth_may_be_today_anywhere() {
        let now = "2026-11-01T10:00:00Z".parse().unwrap();
        assert_eq!(check_birth(date("2026-11-02"), now), Ok(()), "in Kiritimati it is 2 November");
        assert_eq!(check_birth(date("2026-11-03"), now), Err(InvalidAge::Future));
        assert_eq!(check_birth(date("1906-11-01"), now), Ok(()));
        assert_eq!(check_birth(date("1905-11-01"), now), Err(InvalidAge::TooOld));
    }
}
