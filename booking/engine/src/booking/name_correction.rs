//! Corrections of passengers' names: a traveller may correct a typing error, but not give the seat to another person.
//!
//! The house rule: at most [`LETTERS`] letters differ, in both names together, from the booked name. The last
//! correction does not matter: otherwise many small corrections would add up to another person. Letters are counted as
//! edits (Levenshtein distance) of the folded names.

use crate::{
    booking::{
        lifecycle::BookingStage,
        record::Booking,
        refusal::{InvalidMember, Member, Refusal},
    },
    passengers::passenger::{Passenger, fingerprint},
};
use chrono::{DateTime, Utc};
use shared_types::{events::BookingAction, ids::PassengerId, person_name::PersonName};

/// The most letters that a correction may change.
const LETTERS: usize = 3;

/// A correction of a passenger's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameCorrection {
    /// The passenger whose name is corrected.
    pub passenger: PassengerId,
    /// The right given name; `None`: it stays.
    pub given_name: Option<PersonName>,
    /// The right family name; `None`: it stays.
    pub family_name: Option<PersonName>,
}

impl NameCorrection {
    /// The given and family name of a passenger after the correction.
    fn names_of(&self, passenger: &Passenger) -> (PersonName, PersonName) {
        let given = self.given_name.as_ref().unwrap_or(&passenger.given_name);
        let family = self.family_name.as_ref().unwrap_or(&passenger.family_name);
        (given.clone(), family.clone())
    }

    /// Whether the booking shows the correction already.
    pub(crate) fn is_made(&self, booking: &Booking) -> bool {
        let passenger = booking.passengers.iter().find(|one| one.id == self.passenger);
        passenger.is_some_and(|one| self.names_of(one) == (one.given_name.clone(), one.family_name.clone()))
    }

    /// The fingerprint of a passenger after the correction.
    pub(crate) fn fingerprint_of(&self, passenger: &Passenger) -> i64 {
        let (given, family) = self.names_of(passenger);
        fingerprint(&given, &family, passenger.born_on)
    }
}

/// The effect of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Corrected {
    /// Whether anything changed.
    pub(crate) changed: bool,
    /// The passenger's fingerprint before and after.
    pub(crate) fingerprints: (i64, i64),
    /// The fingerprints that the passenger frees: those that earlier releases may have stored, the oldest first,
    /// then the one before the correction.
    pub(crate) left: Vec<i64>,
    /// Whether another passenger of the booking shares the fingerprint before the correction: an earlier release took
    /// two spellings for two people. Then the passenger's rows are stored under the first of `left` that has any.
    pub(crate) has_namesake: bool,
    /// Whether the passenger has a seat.
    pub(crate) seated: bool,
}

/// The number of letters that differ between two names.
fn distance(a: &PersonName, b: &PersonName) -> usize {
    strsim::levenshtein(&a.folded(), &b.folded())
}

impl Booking {
    /// Corrects a passenger's name.
    ///
    /// # Errors
    /// The refusal of the stage; [`Refusal::NotFound`]: there is no such passenger; [`Refusal::Invalid`]: too many
    /// letters differ; [`Refusal::PassengerAlreadyBooked`]: another passenger of the booking has that name and date of
    /// birth.
    pub(crate) fn correct_name(
        &mut self,
        correction: &NameCorrection,
        now: DateTime<Utc>,
    ) -> Result<Corrected, Refusal> {
        let stage: BookingStage = self.stage(now);
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
    fn a_correction_changes_three_letters_of_the_booked_name_at_most() {
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
    fn letters_are_counted_by_the_folded_names() {
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
    fn a_correction_gives_up_the_fingerprints_of_earlier_releases() {
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

        // Beside a passenger with another spelling of the same name.
        booking.passengers[1].given_name = PersonName::stored("Zoe\u{308} O'Neil".to_owned());
        assert!(correct(&mut booking.clone(), "Zoey O'Neil", "x").unwrap().has_namesake);
        assert_eq!(correct(&mut booking, "Zo\u{eb} O'Neil", "x"), Err(Refusal::PassengerAlreadyBooked));
    }

    #[test]
    fn a_correction_to_another_passengers_name_is_refused() {
        let mut booking = samples::booking(FlightId::new(), &["4A", "4B"]);
        let born = booking.passengers[0].born_on;
        booking.passengers[1].born_on = born;
        assert_eq!(correct(&mut booking, "ada", "XX"), Err(Refusal::PassengerAlreadyBooked));
        let stranger = NameCorrection { passenger: PassengerId::new(), given_name: None, family_name: None };
        let now = booking.created_at;
        assert_eq!(booking.correct_name(&stranger, now), Err(Refusal::NotFound));
    }
}
