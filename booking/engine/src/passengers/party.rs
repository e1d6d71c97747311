//! Which passengers may travel together in a booking, and what they may want of seats.
//!
//! The house rules: one to nine travellers with seats, each infant on the lap of an adult of its own,
//! and no child without an adult (a passenger of 12 years or older) in the booking. The n-th infant
//! travels with the n-th adult, which decides who may not sit at an exit.

use crate::{
    booking::refusal::{InvalidMember, Member},
    inventory::assignment::Wish,
    passengers::passenger::{Passenger, fingerprint},
};
use shared_types::fare::PassengerType;
use std::collections::HashSet;

/// Travellers with seats in one booking.
const LARGEST: usize = 9;

/// A person as it stands in a request.
pub type Traveller = Passenger;

/// All that is wrong with a party. `None` is who is already known not to be good: the others
/// are held against each other, but whether they may travel together is only known of all.
pub fn check(party: &[Option<Traveller>]) -> Vec<InvalidMember> {
    let mut errors = Vec::new();
    let known = || party.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref()?)));
    if known().count() == party.len() {
        let kinds: Vec<PassengerType> = known().map(|(_, traveller)| traveller.kind).collect();
        errors.extend(check_company(&kinds));
    }
    let mut persons = HashSet::new();
    for (index, traveller) in known() {
        let person = fingerprint(&traveller.given_name, &traveller.family_name, traveller.born_on);
        if !persons.insert(person) {
            errors.push(InvalidMember::new(Member::Passenger(index), "is the same passenger as one before"));
        }
    }
    errors.extend(check_seats(known()));
    errors
}

fn check_company(kinds: &[PassengerType]) -> Vec<InvalidMember> {
    let mut errors = Vec::new();
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    let (adults, children, infants) =
        (count(PassengerType::Adt), count(PassengerType::Chd), count(PassengerType::Inf));
    let mut wrong = |message: &str| errors.push(InvalidMember::new(Member::Passengers, message));
    if adults + children > LARGEST {
        wrong("at most 9 adults and children travel in one booking");
    }
    if infants > adults {
        wrong("each infant needs an adult of its own");
    } else if children > 0 && adults == 0 {
        wrong("children travel with at least one adult");
    }
    errors
}

fn check_seats<'a>(party: impl Iterator<Item = (usize, &'a Traveller)>) -> Vec<InvalidMember> {
    let mut errors = Vec::new();
    let mut chosen = HashSet::new();
    for (index, traveller) in party {
        for (segment, seat) in traveller.seats.iter().enumerate() {
            let Some(seat) = seat else { continue };
            let member = Member::Seat { passenger: index, segment };
            if !traveller.kind.has_seat() {
                errors.push(InvalidMember::new(member, "an infant has no seat"));
            } else if !chosen.insert((segment, *seat)) {
                errors.push(InvalidMember::new(member, "was chosen for a passenger before"));
            }
        }
    }
    errors
}

/// What the party wants of the seats of a segment: one wish for each traveller with a seat, with the
/// traveller's place in the party.
pub fn wishes(party: &[Traveller], segment: usize) -> Vec<(usize, Wish)> {
    let infants = party.iter().filter(|traveller| traveller.kind == PassengerType::Inf).count();
    let mut adults = 0;
    let mut wishes = Vec::with_capacity(party.len());
    for (index, traveller) in party.iter().enumerate().filter(|(_, traveller)| traveller.kind.has_seat()) {
        let is_adult = traveller.kind == PassengerType::Adt;
        adults += usize::from(is_adult);
        let exit_allowed = is_adult && adults > infants;
        let named = traveller.seats.get(segment).copied().flatten();
        let child = traveller.kind == PassengerType::Chd;
        wishes.push((index, Wish { named, exit_allowed, child }));
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_types::ids::PassengerId;

    fn traveller(kind: PassengerType, name: &str, seat: Option<&str>) -> Traveller {
        Traveller {
            id: PassengerId::new(),
            kind,
            given_name: name.parse().unwrap(),
            family_name: "Test".parse().unwrap(),
            booked_name: None,
            born_on: "1990-01-01".parse().unwrap(),
            ticket_number: None,
            seats: vec![seat.map(|seat| seat.parse().unwrap())],
        }
    }

    fn wrong(party: &[Traveller]) -> Vec<Member> {
        let party: Vec<_> = party.iter().cloned().map(Some).collect();
        check(&party).into_iter().map(|error| error.member).collect()
    }

    #[test]
    fn parties_follow_the_house_rules() {
        use PassengerType::{Adt, Chd, Inf};
        let a = |name| traveller(Adt, name, None);
        assert!(wrong(&[a("A"), traveller(Inf, "B", None), traveller(Chd, "C", None)]).is_empty());
        assert_eq!(wrong(&[traveller(Chd, "C", None)]), [Member::Passengers]);
        assert_eq!(
            wrong(&[a("A"), traveller(Inf, "B", None), traveller(Inf, "C", None)]),
            [Member::Passengers]
        );
        assert_eq!(wrong(&[a("A"), a("a")]), [Member::Passenger(1)]);
        let ten: Vec<_> = ["A", "B", "C", "D", "E", "F", "G", "H", "J", "K"].map(a).into();
        assert_eq!(wrong(&ten), [Member::Passengers]);
        assert!(wrong(&ten[..9]).is_empty());
        let seated = [
            traveller(Adt, "A", Some("1A")),
            traveller(Adt, "B", Some("1A")),
            traveller(Inf, "C", Some("2A")),
        ];
        let seat = |passenger| Member::Seat { passenger, segment: 0 };
        assert_eq!(wrong(&seated), [seat(1), seat(2)]);
    }

    #[test]
    fn only_adults_without_an_infant_may_sit_at_an_exit() {
        use PassengerType::{Adt, Chd, Inf};
        let party = [
            traveller(Inf, "I", None),
            traveller(Adt, "A", None),
            traveller(Chd, "C", None),
            traveller(Adt, "B", None),
        ];
        let wishes: Vec<_> =
            wishes(&party, 0).into_iter().map(|(index, wish)| (index, wish.exit_allowed)).collect();
        assert_eq!(wishes, [(1, false), (2, false), (3, true)]);
    }
}
