use super::*;
use proptest::prelude::*;

const POLICY: AdmissionPolicy = AdmissionPolicy { rate: 50, stay: TimeDelta::minutes(10) };

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn at(millis: i64) -> DateTime<Utc> {
    start() + TimeDelta::milliseconds(millis)
}

/// A room that was opened at the start and has issued these tickets.
fn room(issued: i64) -> WaitingRoom {
    WaitingRoom {
        created_at: start(),
        issued,
        mark: 0,
        rate: POLICY.full_rate(),
        moved_at: start(),
        overloaded_at: start(),
        slowed_at: None,
        closed_at: None,
        expired: 0,
        checkpoint: 0,
        checkpoint_at: start(),
    }
}

fn standing(room: &WaitingRoom, number: i64) -> TicketStanding {
    room.standing(&QueueTicket::new(start(), number, start()))
}

fn is_admitted(room: &WaitingRoom, number: i64) -> bool {
    standing(room, number) == TicketStanding::Admitted
}

#[test]
fn a_thousand_are_admitted_fifty_a_second_in_their_order() {
    let mut room = room(1000);
    let mut passed = 0;
    for second in 1..=20 {
        for tick in 1..=5 {
            room = room.advanced(at(1000 * (second - 1) + 200 * tick), &POLICY);
            // Nobody is passed over: the admitted are the first ones, always.
            let admitted = (1..=1000).filter(|number| is_admitted(&room, *number)).count();
            assert!((1..=1000).take(admitted).all(|number| is_admitted(&room, number)));
            passed = admitted;
        }
        assert_eq!(passed, 50 * usize::try_from(second).unwrap());
    }
    assert_eq!((room.waiting(), room.closed_at), (0, Some(at(20_000))), "empty, and quiet for long");
}

#[test]
fn those_who_wait_learn_their_position_and_when_to_come_back() {
    let waiting = |room: &WaitingRoom, number| match standing(room, number) {
        TicketStanding::Waiting { position, wait } => (position, wait.as_secs()),
        other => panic!("{other:?}"),
    };
    let room = room(10_000).advanced(at(1000), &POLICY);
    assert_eq!(waiting(&room, 51), (1, 1));
    assert_eq!(waiting(&room, 100), (50, 1));
    assert_eq!(waiting(&room, 101), (51, 2));
    assert_eq!(waiting(&room, 10_000), (9950, 30), "at most half a minute");
    // The mark that an instance knows may be older than a ticket of another instance.
    assert_eq!(waiting(&room, 10_050), (10_000, 30));
}

#[test]
fn a_ticket_of_an_earlier_room_is_void() {
    let room = room(10).advanced(at(1000), &POLICY);
    let earlier = QueueTicket::new(at(-1), 1, at(-1));
    assert_eq!(room.standing(&earlier), TicketStanding::Void);
}

#[test]
fn overload_of_admitted_ones_slows_down_and_calm_recovers() {
    let mut slowed = room(100_000);
    for second in 1..=10 {
        slowed.slowed_at = Some(at(1000 * second - 100));
        slowed = slowed.advanced(at(1000 * second), &POLICY);
    }
    assert_eq!(slowed.rate, POLICY.full_rate() / SLOWEST);
    let before = slowed.admitted();
    slowed.slowed_at = Some(at(10_900));
    slowed = slowed.advanced(at(11_000), &POLICY);
    assert_eq!(slowed.admitted() - before, 3, "slow, but it does not stand still");
    for second in 12..=21 {
        slowed = slowed.advanced(at(1000 * second), &POLICY);
    }
    assert_eq!(slowed.rate, POLICY.full_rate());
    // Reports of those who came before the room was there do not slow it.
    let opened = WaitingRoom { overloaded_at: at(900), ..room(1000) };
    assert_eq!(opened.advanced(at(1000), &POLICY).admitted(), 50);
}

#[test]
fn it_closes_when_all_are_admitted_and_it_was_quiet() {
    let closed = |room: &WaitingRoom, millis| room.advanced(at(millis), &POLICY).closed_at.is_some();
    let admitted = WaitingRoom { mark: 10 * PARTS, ..room(10) };
    assert!(!closed(&admitted, 4_999) && closed(&admitted, 5_000));
    assert!(!closed(&WaitingRoom { overloaded_at: at(1_000), ..admitted }, 5_000));
    // One is left to wait at the fastest.
    assert!(!closed(&WaitingRoom { issued: 200, ..admitted }, 5_000));
    let shut = admitted.advanced(at(5_000), &POLICY);
    assert_eq!(shut.advanced(at(60_000), &POLICY), shut);
}

#[test]
fn an_admission_lasts_for_the_stay_and_ends() {
    let mut room = room(100);
    let ended = (1..).map(|second| at(1000 * second)).find(|now| {
        room = room.advanced(*now, &POLICY);
        room.closed_at = None;
        standing(&room, 50) == TicketStanding::Void
    });
    let stayed = ended.unwrap() - at(1000);
    assert!(stayed >= POLICY.stay && stayed <= POLICY.stay * 2 + TimeDelta::seconds(1), "{stayed}");
}

#[test]
fn an_outage_or_a_clock_set_back_lets_no_flood_in() {
    assert_eq!(room(100_000).advanced(at(3_600_000), &POLICY).admitted(), 100);
    let ahead = WaitingRoom { moved_at: at(30_000), ..room(10) };
    assert_eq!(ahead.advanced(at(0), &POLICY), ahead, "it stands until then");
    let far_ahead = WaitingRoom { moved_at: at(3_600_000), ..room(10) };
    let restarted = far_ahead.advanced(at(0), &POLICY);
    assert_eq!((restarted.moved_at, restarted.mark), (at(0), 0));
}

fn steps() -> impl Strategy<Value = Vec<(i64, i64, bool)>> {
    // The time until a move, tickets issued before it, and whether an admitted one met overload.
    prop::collection::vec((0..3_000_i64, 0..50_i64, any::<bool>()), 1..20)
}

proptest! {
    #[test]
    fn admission_keeps_to_the_rate_and_to_the_order(steps in steps(), rate in 1..2_000_u32) {
        let policy = AdmissionPolicy { rate, ..POLICY };
        let mut room = WaitingRoom { rate: policy.full_rate(), ..room(0) };
        let mut millis = 0;
        for (pause, arrivals, overloaded) in steps {
            room.issued += arrivals;
            millis += pause;
            if overloaded {
                room.slowed_at = Some(at(millis));
            }
            let before = room;
            room = room.advanced(at(millis), &policy);
            room.closed_at = None;
            prop_assert!(room.mark >= before.mark && room.mark <= room.issued * PARTS);
            prop_assert!(room.mark - before.mark <= policy.full_rate() * pause.min(2_000) / 1_000);
            prop_assert!(room.rate >= 1 && room.rate <= policy.full_rate());
            let admitted: Vec<bool> = (1..=room.issued).map(|number| is_admitted(&room, number)).collect();
            prop_assert!(admitted.is_sorted_by_key(|admitted| !admitted), "{admitted:?}");
        }
        // Nobody is lost: in the end all are in.
        while room.waiting() > 0 {
            millis += 2_000;
            let before = room.mark;
            room = room.advanced(at(millis), &policy);
            prop_assert!(room.mark > before);
        }
    }

    #[test]
    fn the_number_of_ticks_does_not_matter(cuts in prop::collection::btree_set(1..2_000_i64, 0..40)) {
        let whole = room(1000).advanced(at(2_000), &POLICY);
        let mut cut = room(1000);
        for millis in cuts.into_iter().chain([2_000]) {
            cut = cut.advanced(at(millis), &POLICY);
        }
        prop_assert!((whole.mark - cut.mark).abs() <= 41, "{} {}", whole.mark, cut.mark);
    }
}
