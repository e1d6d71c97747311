//! The rules for the party of a booking, and its wishes for seats.
//!
//! The house rules: one to nine travellers with seats; each infant on the lap of an adult of its own; no child without
//! an adult (a passenger of 12 years or older) in the booking. The n-th infant travels with the n-th adult, and this
//! adult may not sit in an exit row.

use crate::{
    booking::refusal::{InvalidMember, Member},
    inventory::assignment::Wish,
    passengers::passenger::{Passenger, fingerprint},
};
use shared_types::fare::PassengerType;
use std::collections::HashSet;

/// The most travellers with seats in one booking.
const LARGEST: usize = 9;

/// The errors of a party. `None` stands for a traveller whose own data are invalid: the other travellers are compared
/// with each other, but the rules for the whole party are checked only for a complete one.
pub fn check(party: &[Option<Passenger>]) -> Vec<InvalidMember> {
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

/// The errors in the numbers of adults, children and infants.
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

/// The errors of chosen seats: a seat for an infant, or one seat for two travellers.
fn check_seats<'a>(party: impl Iterator<Item = (usize, &'a Passenger)>) -> Vec<InvalidMember> {
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

/// The party's wishes for the seats of a segment: one for each traveller with a seat, after the traveller's position in
/// the party.
pub fn wishes(party: &[Passenger], segment: usize) -> Vec<(usize, Wish)> {
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

    fn traveller(kind: PassengerType, name: &str, seat: Option<&str>) -> Passenger {
        Passenger {
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

    fn wrong(party: &[Passenger]) -> Vec<Member> {
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
