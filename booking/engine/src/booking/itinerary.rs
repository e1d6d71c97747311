//! The rules for journeys of one flight or several.
//!
//! A journey has up to six flights in the order of travel, each once. Each flight departs after all flights before it
//! have arrived. A flight may leave from another airport than the one before it arrived at (an open jaw). Cabin and
//! brand may differ from flight to flight. The search enforces minimum connection times: only the flight service knows
//! them, and travellers may combine flights on their own.

use crate::booking::refusal::{InvalidMember, Member, Refusal};
use chrono::{DateTime, Utc};
use shared_types::{events::FlightState, fare::SegmentPrice, ids::FlightId};

/// The most flights in one booking.
pub const LARGEST: usize = 6;

/// The errors of a request that names a flight twice. Needs no state of the flights.
pub fn check_distinct(flights: impl Iterator<Item = FlightId>) -> Vec<InvalidMember> {
    let (mut errors, mut before) = (Vec::new(), Vec::new());
    for (index, flight) in flights.enumerate() {
        if before.contains(&flight) {
            errors.push(InvalidMember::new(Member::SegmentFlight(index), "is the same flight as one before"));
        }
        before.push(flight);
    }
    errors
}

/// The errors of a request whose flights do not follow each other.
pub fn check_order<'a>(flights: impl Iterator<Item = &'a FlightState>) -> Vec<InvalidMember> {
    let (mut errors, mut arrival) = (Vec::new(), None);
    for (index, flight) in flights.enumerate() {
        if arrival.is_some_and(|before| flight.departure.at <= before) {
            let reason = "must depart after the flights before have arrived";
            errors.push(InvalidMember::new(Member::Segment(index), reason));
        }
        arrival = arrival.max(Some(flight.arrival.at));
    }
    errors
}

/// Whether each flight departs after all flights before it have arrived. `times`: departures and arrivals (UTC) in the
/// order of travel.
pub fn is_possible(times: impl IntoIterator<Item = (DateTime<Utc>, DateTime<Utc>)>) -> bool {
    let mut latest = None;
    times.into_iter().all(|(departure, arrival)| {
        let follows = latest.is_none_or(|before| before < departure);
        latest = latest.max(Some(arrival));
        follows
    })
}

/// The first and the last flight by departure, in any order of `flights`; `None`: there are no flights.
pub fn ends<'a>(
    flights: impl Iterator<Item = &'a FlightState> + Clone,
) -> Option<(&'a FlightState, &'a FlightState)> {
    let first = flights.clone().min_by_key(|flight| flight.departure.at)?;
    Some((first, flights.max_by_key(|flight| flight.departure.at)?))
}

/// The price of all segments together, in minor units of money; `None`: the sum overflows.
pub fn total(mut prices: impl Iterator<Item = SegmentPrice>) -> Option<i64> {
    prices.try_fold(0_i64, |sum, price| sum.checked_add(price.fare)?.checked_add(price.taxes))
}

/// Merges the refusals of several flights into one; `None`: there are none. The most urgent kind of refusal wins, and
/// carries the details of all flights.
pub fn refusal(refusals: impl IntoIterator<Item = Refusal>) -> Option<Refusal> {
    refusals.into_iter().reduce(|one, other| match (one, other) {
        (Refusal::Invalid(mut errors), Refusal::Invalid(more)) => {
            errors.extend(more);
            Refusal::Invalid(errors)
        }
        (Refusal::SeatNotAllowed(mut errors), Refusal::SeatNotAllowed(more)) => {
            errors.extend(more);
            Refusal::SeatNotAllowed(errors)
        }
        (Refusal::SeatTaken(mut seats), Refusal::SeatTaken(more)) => {
            seats.extend(more);
            Refusal::SeatTaken(seats)
        }
        (one, other) if urgency(&one) >= urgency(&other) => one,
        (_, other) => other,
    })
}

/// The rank of a refusal: the client has to mend a higher one first.
fn urgency(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::NotFound => 5,
        Refusal::Invalid(_) => 4,
        Refusal::SeatNotAllowed(_) => 3,
        Refusal::FlightNotBookable => 2,
        Refusal::SeatTaken(_) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{booking::refusal::FlightSeat, samples};
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn flight(departs: i64, arrives: i64) -> FlightState {
        let mut flight = samples::flight();
        let zero = flight.departure.at;
        flight.departure.at = zero + TimeDelta::minutes(departs);
        flight.arrival.at = zero + TimeDelta::minutes(arrives);
        flight
    }

    fn wrong(times: &[(i64, i64)]) -> Vec<Member> {
        let flights: Vec<_> = times.iter().map(|(departs, arrives)| flight(*departs, *arrives)).collect();
        check_order(flights.iter()).into_iter().map(|error| error.member).collect()
    }

    #[test]
    fn flights_follow_each_other() {
        assert!(wrong(&[(0, 60)]).is_empty());
        assert!(wrong(&[(0, 60), (61, 100), (5000, 6000)]).is_empty());
        assert_eq!(wrong(&[(0, 60), (60, 100)]), [Member::Segment(1)], "nobody changes in no time");
        assert_eq!(wrong(&[(500, 600), (0, 60)]), [Member::Segment(1)], "out of order");
        assert_eq!(
            wrong(&[(0, 600), (100, 200), (300, 400), (601, 700)]),
            [Member::Segment(1), Member::Segment(2)]
        );
    }

    #[test]
    fn a_flight_is_taken_once() {
        let [a, b] = [FlightId::new(), FlightId::new()];
        assert!(check_distinct([a, b].into_iter()).is_empty());
        let errors = check_distinct([a, b, a, b].into_iter());
        let members: Vec<_> = errors.into_iter().map(|error| error.member).collect();
        assert_eq!(members, [Member::SegmentFlight(2), Member::SegmentFlight(3)]);
    }

    #[test]
    fn sums_do_not_wrap() {
        let price = |fare, taxes| SegmentPrice { fare, taxes };
        assert_eq!(total([price(100, 8), price(200, 24)].into_iter()), Some(332));
        assert_eq!(total([price(i64::MAX - 8, 8), price(1, 0)].into_iter()), None);
        assert_eq!(total([price(i64::MAX, 1)].into_iter()), None);
    }

    #[test]
    fn a_refusal_names_the_taken_seats_of_all_flights() {
        let seat = |text: &str| FlightSeat { flight_id: FlightId::new(), designator: text.parse().unwrap() };
        let (a, b) = (seat("1A"), seat("2B"));
        let taken = |seats: &[FlightSeat]| Refusal::SeatTaken(seats.to_vec());
        assert_eq!(refusal([taken(&[a]), Refusal::FlightFull, taken(&[b])]), Some(taken(&[a, b])));
        let not_allowed = Refusal::SeatNotAllowed(vec![]);
        assert_eq!(refusal([taken(&[a]), not_allowed.clone()]), Some(not_allowed));
        assert_eq!(refusal([]), None);
    }

    proptest! {
        #[test]
        fn no_two_flights_of_a_journey_overlap(times in proptest::collection::vec((0_i64..200, 1_i64..100), 1..6)) {
            let times: Vec<_> = times.into_iter().map(|(departs, takes)| (departs, departs + takes)).collect();
            let apart = |one: &(i64, i64), other: &(i64, i64)| one.1 < other.0;
            let valid = times.iter().enumerate().all(|(index, one)| times[index + 1..].iter().all(|other| apart(one, other)));
            prop_assert_eq!(wrong(&times).is_empty(), valid);
            let at = |minutes: i64| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
            prop_assert_eq!(is_possible(times.iter().map(|(departs, arrives)| (at(*departs), at(*arrives)))), valid);
        }
    }
}
