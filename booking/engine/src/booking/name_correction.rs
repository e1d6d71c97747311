//! Corrections of passengers' names: a slip of the pen may be put right, another person may not travel.
//!
//! The house rule: at most [`LETTERS`] letters differ, in both names together, from the name as it was
//! booked (not as it was corrected last, so that many small steps lead nowhere). Letters are counted as
//! edits (Levenshtein distance) of the names as they are compared.

use crate::{
    booking::{
        lifecycle::Stage,
        record::Booking,
        refusal::{InvalidMember, Member, Refusal},
    },
    passengers::passenger::{Passenger, fingerprint},
};
use chrono::{DateTime, Utc};
use shared_types::{events::BookingAction, ids::PassengerId, person_name::PersonName};

/// Letters that a correction may change.
const LETTERS: usize = 3;

/// A name as it should have been; a part that is not named stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameCorrection {
    pub passenger: PassengerId,
    pub given_name: Option<PersonName>,
    pub family_name: Option<PersonName>,
}

impl NameCorrection {
    /// The names of a passenger after it.
    fn names_of(&self, passenger: &Passenger) -> (PersonName, PersonName) {
        let given = self.given_name.as_ref().unwrap_or(&passenger.given_name);
        let family = self.family_name.as_ref().unwrap_or(&passenger.family_name);
        (given.clone(), family.clone())
    }

    /// Whether the passenger of a booking has these names.
    pub fn is_made(&self, booking: &Booking) -> bool {
        let passenger = booking.passengers.iter().find(|one| one.id == self.passenger);
        passenger.is_some_and(|one| self.names_of(one) == (one.given_name.clone(), one.family_name.clone()))
    }

    /// The fingerprint of a passenger after it.
    pub fn fingerprint_of(&self, passenger: &Passenger) -> i64 {
        let (given, family) = self.names_of(passenger);
        fingerprint(&given, &family, passenger.born_on)
    }
}

/// What a correction means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// Whether anything changed.
    pub changed: bool,
    /// The passenger's fingerprint before and after.
    pub fingerprints: (i64, i64),
    /// The fingerprints under which the passenger's places may be stored and which are given up: those of earlier
    /// releases, the oldest first, then the one of before.
    pub left: Vec<i64>,
    /// Whether another passenger of the booking has the fingerprint of before, too: to an earlier release two spellings
    /// were two people. Then the passenger's places are stored under the first of `left` that has any.
    pub has_namesake: bool,
    /// Whether a seat belongs to the passenger.
    pub seated: bool,
}

fn distance(a: &PersonName, b: &PersonName) -> usize {
    strsim::levenshtein(&a.folded(), &b.folded())
}

impl Booking {
    /// Corrects a passenger's name.
    pub fn correct_name(
        &mut self,
        correction: &NameCorrection,
        now: DateTime<Utc>,
    ) -> Result<Corrected, Refusal> {
        let stage: Stage = self.stage(now);
        stage.allows(BookingAction::ChangeNames)?;
        let position = self.passengers.iter().position(|one| one.id == correction.passenger);
        let Some(position) = position else { return Err(Refusal::NotFound) };
        let passenger = &self.passengers[position];
        let (given, family) = correction.names_of(passenger);
        let booked = passenger
            .booked_name
            .clone()
            .unwrap_or_else(|| (passenger.given_name.clone(), passenger.family_name.clone()));
        if distance(&booked.0, &given) + distance(&booked.1, &family) > LETTERS {
            let in_family_name = correction.family_name.is_some();
            let member = if in_family_name { Member::FamilyName } else { Member::GivenName };
            let reason = "a name may be corrected by 3 letters in all; another person needs another booking";
            return Err(Refusal::Invalid(vec![InvalidMember::new(member, reason)]));
        }
        let before = passenger.fingerprint();
        let after = fingerprint(&given, &family, passenger.born_on);
        let others = self.passengers.iter().enumerate().filter(|(index, _)| *index != position);
        if others.clone().any(|(_, other)| other.fingerprint() == after) {
            return Err(Refusal::PassengerAlreadyBooked);
        }
        let has_namesake = others.clone().any(|(_, other)| other.fingerprint() == before);
        let mut left = passenger.former_fingerprints();
        left.push(before);
        left.retain(|one| *one != after);
        let passenger = &mut self.passengers[position];
        let changed = passenger.given_name != given || passenger.family_name != family;
        if changed {
            passenger.booked_name = Some(booked);
            passenger.given_name = given;
            passenger.family_name = family;
        }
        let seated = passenger.kind.has_seat();
        if changed {
            self.touch(now);
        }
        Ok(Corrected { changed, fingerprints: (before, after), left, has_namesake, seated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use shared_types::ids::FlightId;

    fn correct(booking: &mut Booking, given: &str, family: &str) -> Result<Corrected, Refusal> {
        let correction = NameCorrection {
            passenger: booking.passengers[0].id,
            given_name: Some(given.parse().unwrap()),
            family_name: Some(family.parse().unwrap()),
        };
        let now = booking.created_at;
        booking.correct_name(&correction, now)
    }

    #[test]
    fn three_letters_from_the_name_as_it_was_booked_and_no_further() {
        // "Ada x" and "Ada xx".
        let mut booking = samples::booking(FlightId::new(), &["4A", "4B"]);
        let first = correct(&mut booking, "Adda", "xyz").unwrap();
        assert!(first.changed && first.fingerprints.0 != first.fingerprints.1);
        assert_eq!(booking.version, 2);
        let before = booking.clone();
        assert!(matches!(correct(&mut booking, "Addan", "xyz"), Err(Refusal::Invalid(_))));
        assert_eq!(booking, before, "a refusal changes nothing");
        assert!(correct(&mut booking, "ADA", "x").unwrap().changed, "back again");
        let same = correct(&mut booking, "ADA", "x").unwrap();
        assert!(!same.changed && booking.version == 3);
        assert_eq!(same.fingerprints.0, same.fingerprints.1);
    }

    #[test]
    fn a_letter_is_counted_once_however_it_is_spelt() {
        let mut booking = samples::booking(FlightId::new(), &["4A"]);
        booking.passengers[0].given_name = PersonName::stored("Nguye\u{302}\u{303}n".to_owned());
        let spelt = correct(&mut booking, "Nguy\u{1ec5}n", "x").unwrap();
        assert!(spelt.changed && spelt.fingerprints.0 == spelt.fingerprints.1 && !spelt.left.is_empty());
        assert!(
            correct(&mut booking, "Ngu\u{200d}ye\u{302}\u{303}n", "x").unwrap().changed,
            "joiners are no letters"
        );
        let bare = correct(&mut booking, "Nguyen", "xyz").unwrap();
        assert!(bare.fingerprints.0 != bare.fingerprints.1);
        assert!(matches!(correct(&mut booking, "Ngyen", "xyz"), Err(Refusal::Invalid(_))));

        let mut booking = samples::booking(FlightId::new(), &["4A"]);
        booking.passengers[0].given_name = PersonName::stored("O\u{2019}Wei\u{df}".to_owned());
        assert!(
            correct(&mut booking, "O'WEISS", "xyz").unwrap().changed,
            "the family name alone has other letters"
        );
        assert!(matches!(correct(&mut booking, "O'Weissen", "xyz"), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn a_passenger_gives_up_what_any_release_may_have_stored() {
        let mut booking = samples::booking(FlightId::new(), &["4A", "4B"]);
        for (passenger, name) in booking.passengers.iter_mut().zip(["Zoe\u{308} O\u{2019}Neil", "Zo\u{eb}"]) {
            passenger.given_name = PersonName::stored(name.to_owned());
            passenger.family_name = "x".parse().unwrap();
        }
        let passenger = booking.passengers[0].clone();
        let [first, second] = passenger.former_fingerprints()[..] else { panic!("two releases") };
        let mut respelt = booking.clone();
        let corrected = correct(&mut respelt, "Zo\u{eb} O'Neil", "x").unwrap();
        assert!(corrected.changed && corrected.fingerprints.0 == corrected.fingerprints.1);
        assert_eq!((corrected.left, corrected.has_namesake), (vec![first, second], false));
        let corrected = correct(&mut booking.clone(), "Zoey O'Neil", "x").unwrap();
        assert_eq!(corrected.left, [first, second, passenger.fingerprint()]);

        // Side by side with somebody of another spelling.
        booking.passengers[1].given_name = PersonName::stored("Zoe\u{308} O'Neil".to_owned());
        assert!(correct(&mut booking.clone(), "Zoey O'Neil", "x").unwrap().has_namesake);
        assert_eq!(correct(&mut booking, "Zo\u{eb} O'Neil", "x"), Err(Refusal::PassengerAlreadyBooked));
    }

    #[test]
    fn nobody_becomes_somebody_who_travels_already() {
        let mut booking = samples::booking(FlightId::new(), &["4A", "4B"]);
        let born = booking.passengers[0].born_on;
        booking.passengers[1].born_on = born;
        assert_eq!(correct(&mut booking, "ada", "XX"), Err(Refusal::PassengerAlreadyBooked));
        let stranger = NameCorrection { passenger: PassengerId::new(), given_name: None, family_name: None };
        let now = booking.created_at;
        assert_eq!(booking.correct_name(&stranger, now), Err(Refusal::NotFound));
    }
}
