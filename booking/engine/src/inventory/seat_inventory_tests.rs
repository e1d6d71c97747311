use super::*;
use crate::samples;

/// The inventory of a flight with 53 seats of economy, just read.
fn book(flight: &Flight, taken: &[TakenSeat], now: Instant) -> SeatInventory {
    let read = SeatSnapshot { version: 1, on_sale: true, seats_version: 1, taken: taken.to_vec() };
    SeatInventory::new(flight.state.id, &read, now, 0)
}

fn flight() -> Flight {
    Flight { on_sale: true, state: Arc::new(samples::flight()) }
}

fn moment(now: Instant) -> ClockReading {
    ClockReading { now, utc: Utc::now() }
}

/// The request of an account for this number of adults.
fn wanted(owner: UserId, seats: usize) -> SeatRequest {
    let wish = Wish { named: None, exit_allowed: true, child: false };
    SeatRequest {
        owner,
        exempt: false,
        segment: 0,
        cabin: Cabin::Economy,
        fare: Some(FareRequest {
            brand: Brand::Standard,
            currency: Currency::EUR,
            party: vec![PassengerType::Adt; seats],
        }),
        wishes: (0..seats).map(|index| (index, wish)).collect(),
    }
}

/// A seat of the inventory, sold or held without an end.
fn taken(number: usize, sold: bool) -> TakenSeat {
    let row = 4 + number / 6;
    let seat = format!("{row}{}", ["A", "B", "C", "D", "E", "F"][number % 6]).parse().unwrap();
    TakenSeat { seat, sold, ends_in: (!sold).then_some(600_000) }
}

fn granted(decision: ReservationDecision) -> SeatGrant {
    match decision {
        ReservationDecision::Granted(reservation) => reservation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_price_counts_held_and_sold_seats_but_no_reserved_ones() {
    let (flight, now) = (flight(), Instant::now());
    let until = now + Duration::from_secs(5);
    let ask = |book: &mut SeatInventory, seats| {
        granted(book.decide(&flight, &wanted(UserId::new(), seats), until, moment(now)))
    };
    let mut empty = book(&flight, &[], now);
    let first = ask(&mut empty, 1);
    // Others have reserved forty seats, more than the cheapest classes have.
    for _ in 0..5 {
        ask(&mut empty, 8);
    }
    assert_eq!(ask(&mut empty, 1).price, first.price, "reservations raise no price");
    for sold in [true, false] {
        let seats: Vec<_> = (0..40).map(|number| taken(number, sold)).collect();
        let mut busy = book(&flight, &seats, now);
        assert!(ask(&mut busy, 1).price.fare > first.price.fare, "what is held or sold does");
    }
    // Reserved seats stay closed to other requests.
    let mut both = book(&flight, &[], now);
    let (one, other) = (ask(&mut both, 9), ask(&mut both, 9));
    assert!(one.seats.iter().all(|seat| !other.seats.contains(seat)));
}

#[test]
fn an_account_reserves_no_more_seats_than_it_may_hold() {
    let (flight, now) = (flight(), Instant::now());
    let until = now + Duration::from_secs(5);
    let mut book = book(&flight, &[], now);
    let (greedy, other) = (UserId::new(), UserId::new());
    let first = granted(book.decide(&flight, &wanted(greedy, 5), until, moment(now)));
    granted(book.decide(&flight, &wanted(greedy, 4), until, moment(now)));
    // This is certain, even from a stale inventory.
    for at in [now, now + FRESH] {
        let refused = book.decide(&flight, &wanted(greedy, 1), until, moment(at));
        assert!(matches!(refused, ReservationDecision::Refused(Refusal::HoldLimit)), "{refused:?}");
    }
    granted(book.decide(&flight, &wanted(other, 9), until, moment(now)));
    let exempt = SeatRequest { exempt: true, ..wanted(greedy, 9) };
    granted(book.decide(&flight, &exempt, until, moment(now)));
    // A change of seats has no price, but it reserves seats, too.
    let change = SeatRequest { fare: None, ..wanted(other, 1) };
    let refused = book.decide(&flight, &change, until, moment(now));
    assert!(matches!(refused, ReservationDecision::Refused(Refusal::HoldLimit)), "{refused:?}");
    // Released and outdated reservations do not count.
    let mut fresh = self::book(&flight, &[], now);
    let granted_seats = granted(fresh.decide(&flight, &wanted(greedy, 9), until, moment(now)));
    fresh.release(granted_seats.reservation, now);
    granted(fresh.decide(&flight, &wanted(greedy, 9), until, moment(now)));
    granted(fresh.decide(&flight, &wanted(greedy, 9), until + FRESH, moment(until)));
    assert_eq!(first.seats.len(), 5);
}

#[test]
fn a_held_seat_is_refused_until_its_hold_ends() {
    let (flight, now) = (flight(), Instant::now());
    let until = now + Duration::from_secs(60);
    let seat: SeatDesignator = "4A".parse().unwrap();
    let state = |version| SeatsState { flight_id: flight.state.id, version, held: vec![seat], sold: vec![] };
    let left = |seats_version, ends_in| HoldExpiries {
        seats_version,
        holds: vec![TakenSeat { seat, sold: false, ends_in }],
        as_of: now,
    };
    let wish = Wish { named: Some(seat), exit_allowed: true, child: false };
    let wanted = SeatRequest { wishes: vec![(0, wish)], ..wanted(UserId::new(), 1) };
    let ask = |book: &mut SeatInventory, after: u64| {
        let at = now + Duration::from_millis(after);
        book.decide(&flight, &wanted, until, moment(at))
    };
    // An event does not carry the end of the hold.
    let mut updated = book(&flight, &[], now);
    updated.apply_seats(&state(2), now);
    assert!(matches!(ask(&mut updated, 100), ReservationDecision::Unsure));
    // The ledger does.
    updated.apply_hold_expiries(&left(2, Some(500)));
    assert!(matches!(ask(&mut updated, 100), ReservationDecision::Refused(Refusal::SeatTaken(_))));
    assert!(matches!(ask(&mut updated, 600), ReservationDecision::Granted(_)), "it has ended");
    // The time counts from before the transaction, which may have run long after it read the clock.
    let mut slow = book(&flight, &[], now);
    slow.apply_seats(&state(2), now + Duration::from_millis(550));
    slow.apply_hold_expiries(&left(2, Some(500)));
    assert!(matches!(ask(&mut slow, 600), ReservationDecision::Granted(_)));
    // A payment under way keeps the hold; after a declined payment the hold ends again.
    let mut paying = book(&flight, &[], now);
    paying.apply_seats(&state(2), now);
    paying.apply_hold_expiries(&left(2, None));
    assert!(matches!(ask(&mut paying, 600), ReservationDecision::Refused(Refusal::SeatTaken(_))));
    paying.apply_hold_expiries(&left(2, Some(500)));
    assert!(matches!(ask(&mut paying, 600), ReservationDecision::Granted(_)));
    // A seat that came free stays free.
    let mut free = book(&flight, &[], now);
    free.apply_hold_expiries(&left(1, Some(500)));
    assert!(matches!(ask(&mut free, 100), ReservationDecision::Granted(_)));
}

#[test]
fn a_payment_under_way_is_believed_for_a_second() {
    let (flight, now) = (flight(), Instant::now());
    let seat: SeatDesignator = "4A".parse().unwrap();
    let held = [TakenSeat { seat, sold: false, ends_in: None }];
    let state = SeatsState { flight_id: flight.state.id, version: 2, held: vec![seat], sold: vec![] };
    let wish = Wish { named: Some(seat), exit_allowed: true, child: false };
    let wanted = SeatRequest { wishes: vec![(0, wish)], ..wanted(UserId::new(), 1) };
    let mut busy = book(&flight, &held, now);
    // Another instance may have declined it; that changes no seats, so there is no event.
    busy.apply_seats(&state, now + FRESH / 2);
    let mut ask = |after: Duration| {
        let at = now + after;
        busy.decide(&flight, &wanted, at + FRESH, moment(at))
    };
    assert!(matches!(ask(FRESH * 3 / 4), ReservationDecision::Refused(Refusal::SeatTaken(_))));
    assert!(matches!(ask(FRESH), ReservationDecision::Unsure), "to be reread");
}

#[test]
fn hold_expiries_of_an_earlier_commit_do_not_overwrite_a_newer_snapshot() {
    let (flight, now) = (flight(), Instant::now());
    let seat: SeatDesignator = "4A".parse().unwrap();
    let held = |ends_in| vec![TakenSeat { seat, sold: false, ends_in }];
    let wish = Wish { named: Some(seat), exit_allowed: true, child: false };
    let wanted = SeatRequest { wishes: vec![(0, wish)], ..wanted(UserId::new(), 1) };
    // The seat belongs to another hold since, which ends sooner.
    let mut book = book(&flight, &[], now);
    let read = SeatSnapshot { version: 1, on_sale: true, seats_version: 3, taken: held(Some(300)) };
    book.apply_snapshot(&read, now);
    book.apply_hold_expiries(&HoldExpiries { seats_version: 2, holds: held(Some(600_000)), as_of: now });
    let at = now + Duration::from_millis(400);
    let decision = book.decide(&flight, &wanted, at + FRESH, moment(at));
    assert!(matches!(decision, ReservationDecision::Granted(_)), "{decision:?}");
}

#[test]
fn a_snapshot_older_than_an_event_still_gives_the_ends_of_holds() {
    let (flight, now) = (flight(), Instant::now());
    let (seat, other): (SeatDesignator, SeatDesignator) = ("4A".parse().unwrap(), "4B".parse().unwrap());
    let mut book = book(&flight, &[], now);
    // On a busy flight another event overtakes each reading.
    let state =
        SeatsState { flight_id: flight.state.id, version: 3, held: vec![seat, other], sold: Vec::new() };
    book.apply_seats(&state, now);
    let taken = vec![TakenSeat { seat, sold: false, ends_in: Some(300) }];
    book.apply_snapshot(&SeatSnapshot { version: 1, on_sale: true, seats_version: 2, taken }, now);
    let mut ask = |seat: SeatDesignator, after: u64| {
        let at = now + Duration::from_millis(after);
        let wish = Wish { named: Some(seat), exit_allowed: true, child: false };
        let wanted = SeatRequest { wishes: vec![(0, wish)], ..wanted(UserId::new(), 1) };
        book.decide(&flight, &wanted, at + FRESH, moment(at))
    };
    assert!(matches!(ask(other, 200), ReservationDecision::Unsure), "it was not read");
    assert!(
        matches!(ask(seat, 200), ReservationDecision::Refused(Refusal::SeatTaken(_))),
        "without another look"
    );
    assert!(matches!(ask(seat, 400), ReservationDecision::Granted(_)));
}
