use super::*;
use crate::domain::samples;

/// A book of a flight of 53 seats of economy, as it was just read.
fn book(flight: &Flight, taken: &[TakenSeat], now: Instant) -> SeatBook {
    let read = SeatsRead { version: 1, on_sale: true, seats_version: 1, taken: taken.to_vec() };
    SeatBook::new(flight.state.id, &read, now, 0)
}

fn flight() -> Flight {
    Flight { on_sale: true, state: Arc::new(samples::flight()) }
}

fn moment(now: Instant) -> Moment {
    Moment { now, utc: Utc::now() }
}

/// What so many adults of an account want.
fn wanted(owner: UserId, seats: usize) -> Wanted {
    let wish = Wish { named: None, exit_allowed: true, child: false };
    Wanted {
        owner,
        exempt: false,
        segment: 0,
        cabin: Cabin::Economy,
        fare: Some(WantedFare {
            brand: Brand::Standard,
            currency: Currency::EUR,
            party: vec![PassengerType::Adt; seats],
        }),
        wishes: (0..seats).map(|index| (index, wish)).collect(),
    }
}

/// A seat of the book, sold or held without an end.
fn taken(number: usize, sold: bool) -> TakenSeat {
    let row = 4 + number / 6;
    let seat = format!("{row}{}", ["A", "B", "C", "D", "E", "F"][number % 6]).parse().unwrap();
    TakenSeat { seat, sold, ends_in: (!sold).then_some(600_000) }
}

fn granted(decision: Decision) -> Reservation {
    match decision {
        Decision::Granted(reservation) => reservation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_price_counts_what_is_held_and_sold_but_no_marks() {
    let (flight, now) = (flight(), Instant::now());
    let until = now + Duration::from_secs(5);
    let ask = |book: &mut SeatBook, seats| {
        granted(book.decide(&flight, &wanted(UserId::new(), seats), until, moment(now)))
    };
    let mut empty = book(&flight, &[], now);
    let first = ask(&mut empty, 1);
    // Forty seats are marked by others, more than the cheapest classes have.
    for _ in 0..5 {
        ask(&mut empty, 8);
    }
    assert_eq!(ask(&mut empty, 1).price, first.price, "marks make nothing dearer");
    for sold in [true, false] {
        let seats: Vec<_> = (0..40).map(|number| taken(number, sold)).collect();
        let mut busy = book(&flight, &seats, now);
        assert!(ask(&mut busy, 1).price.fare > first.price.fare, "what is held or sold does");
    }
    // Marked seats are still nobody else's.
    let mut both = book(&flight, &[], now);
    let (one, other) = (ask(&mut both, 9), ask(&mut both, 9));
    assert!(one.seats.iter().all(|seat| !other.seats.contains(seat)));
}

#[test]
fn an_account_has_as_many_seats_marked_as_it_may_hold() {
    let (flight, now) = (flight(), Instant::now());
    let until = now + Duration::from_secs(5);
    let mut book = book(&flight, &[], now);
    let (greedy, other) = (UserId::new(), UserId::new());
    let first = granted(book.decide(&flight, &wanted(greedy, 5), until, moment(now)));
    granted(book.decide(&flight, &wanted(greedy, 4), until, moment(now)));
    // However old the book is, this is known for certain.
    for at in [now, now + FRESH] {
        let refused = book.decide(&flight, &wanted(greedy, 1), until, moment(at));
        assert!(matches!(refused, Decision::Refused(Refusal::HoldLimit)), "{refused:?}");
    }
    granted(book.decide(&flight, &wanted(other, 9), until, moment(now)));
    let exempt = Wanted { exempt: true, ..wanted(greedy, 9) };
    granted(book.decide(&flight, &exempt, until, moment(now)));
    // A change of seats has no price, but marks all the same.
    let change = Wanted { fare: None, ..wanted(other, 1) };
    let refused = book.decide(&flight, &change, until, moment(now));
    assert!(matches!(refused, Decision::Refused(Refusal::HoldLimit)), "{refused:?}");
    // Marks that are gone do not count: taken away, or forgotten by everybody.
    let mut fresh = self::book(&flight, &[], now);
    let mark = granted(fresh.decide(&flight, &wanted(greedy, 9), until, moment(now)));
    fresh.release(mark.ticket, now);
    granted(fresh.decide(&flight, &wanted(greedy, 9), until, moment(now)));
    granted(fresh.decide(&flight, &wanted(greedy, 9), until + FRESH, moment(until)));
    assert_eq!(first.seats.len(), 5);
}
