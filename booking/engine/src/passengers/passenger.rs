//! Who travels.

use crate::passengers::former_names::former_folds;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use shared_types::{fare::PassengerType, ids::PassengerId, person_name::PersonName, seat::SeatDesignator};

/// Years that a traveller may have: nobody is known to have had three more.
const OLDEST: i32 = 120;

/// A passenger of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Passenger {
    pub id: PassengerId,
    pub kind: PassengerType,
    pub given_name: PersonName,
    pub family_name: PersonName,
    /// Given and family name as they were booked, where they were corrected since.
    pub booked_name: Option<(PersonName, PersonName)>,
    pub born_on: NaiveDate,
    /// See [`ticket`](super::ticket). Drawn when the booking is made, issued when it is confirmed.
    pub ticket_number: Option<i64>,
    /// One a segment; none for an infant.
    pub seats: Vec<Option<SeatDesignator>>,
}

impl Passenger {
    pub fn fingerprint(&self) -> i64 {
        fingerprint(&self.given_name, &self.family_name, self.born_on)
    }

    /// The fingerprints under which earlier releases may have stored the passenger's places on flights, the oldest
    /// first. The oldest tell more spellings of a name apart. Without the present one.
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

/// What tells one person from another: the names as they are compared, and the date of birth.
pub fn fingerprint(given: &PersonName, family: &PersonName, born_on: NaiveDate) -> i64 {
    hashed([given.folded(), family.folded()], born_on)
}

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

/// Completed years at a date. Who was born on 29 February has a birthday on 1 March in other years.
pub fn age(born_on: NaiveDate, at: NaiveDate) -> i32 {
    let had_birthday = (at.month(), at.day()) >= (born_on.month(), born_on.day());
    at.year() - born_on.year() - i32::from(!had_birthday)
}

/// Why a date of birth does not fit a passenger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAge {
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

/// Checks the type of a passenger against the age at the last flight; `departs_on` is local to its origin.
///
/// Whether the date of birth is past is [`check_birth`]'s to say: it is a date of the place of birth, where today
/// may be a later day than at the origin.
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
    fn places_that_earlier_releases_have_stored_are_known() {
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
        // As the first releases computed it, of the names "zoe" with a diaeresis apart and "x".
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
    fn a_birth_is_past_where_it_was() {
        let now = "2026-11-01T10:00:00Z".parse().unwrap();
        assert_eq!(check_birth(date("2026-11-02"), now), Ok(()), "in Kiritimati it is 2 November");
        assert_eq!(check_birth(date("2026-11-03"), now), Err(InvalidAge::Future));
        assert_eq!(check_birth(date("1906-11-01"), now), Ok(()));
        assert_eq!(check_birth(date("1905-11-01"), now), Err(InvalidAge::TooOld));
    }
}
