//! Examples, and properties over random plans and parties.

use super::*;
use proptest::{collection::vec, prelude::*, sample::subsequence};
use shared_types::seat::CabinSection;
use std::collections::{HashMap, HashSet};

fn seat(text: &str) -> SeatDesignator {
    text.parse().unwrap()
}

fn section(cabin: Cabin, rows: [u8; 2], columns: &str) -> CabinSection {
    CabinSection { cabin, rows, columns: columns.parse().unwrap() }
}

/// Economy with these last row and columns, behind two rows of business; exit row 6.
fn plan(last: u8, columns: &str) -> SeatPlan {
    SeatPlan {
        cabins: vec![section(Cabin::Business, [1, 2], "AC|DF"), section(Cabin::Economy, [4, last], columns)],
        exit_rows: vec![6],
        blocked_seats: vec![],
    }
}

fn party(seats: &[&str]) -> SeatedParty {
    let wish = |text: &&str| Wish { named: Some(seat(text)), exit_allowed: true, child: false };
    let travellers = seats.iter().map(wish).enumerate().collect();
    SeatedParty { booking: BookingId::new(), cabin: Cabin::Economy, travellers }
}

fn new_seats(moves: &[SeatMove]) -> Vec<(String, String)> {
    moves.iter().map(|one| (one.from.to_string(), one.to.to_string())).collect()
}

fn pair(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn who_can_keep_a_seat_keeps_it_and_others_get_the_nearest() {
    let parties = [party(&["4A"]), party(&["9C"]), party(&["7F"])];
    assert_eq!(reseat(&parties, &plan(9, "ABC|DEF")), Ok(vec![]));
    let moves = reseat(&parties, &plan(8, "ABC|DEF")).unwrap();
    assert_eq!(new_seats(&moves), [pair("9C", "8C")]);
    assert_eq!(moves[0].booking, parties[1].booking);
}

#[test]
fn parties_stay_together() {
    // Those of row 9 find three seats side by side, though a nearer row has single ones.
    let others = party(&["8A", "8C", "8D", "8F"]);
    let family = party(&["9A", "9B", "9C"]);
    let moves = reseat(&[others, family], &plan(8, "ABC|DEF")).unwrap();
    let rows: HashSet<u8> = moves.iter().map(|one| one.to.row()).collect();
    assert_eq!((moves.len(), rows.len()), (3, 1));
    // One whose neighbour keeps the seat moves beside the neighbour.
    let mut blocked = plan(8, "ABC|DEF");
    blocked.blocked_seats = vec![seat("8B")];
    let moves = reseat(&[party(&["8A", "8B"])], &blocked).unwrap();
    assert_eq!(new_seats(&moves), [pair("8B", "8C")]);
}

#[test]
fn cabins_and_blocked_seats_and_exit_rows_count() {
    let mut child = party(&["7A"]);
    child.travellers[0].1 = Wish { named: Some(seat("7A")), exit_allowed: false, child: true };
    let mut other = plan(9, "ABC|DEF");
    other.exit_rows = vec![7];
    let moves = reseat(&[child.clone()], &other).unwrap();
    assert_eq!(new_seats(&moves), [pair("7A", "6A")]);
    // Economy begins in row 6 now: the seats of row 5 are in business.
    let mut front = plan(9, "ABC|DEF");
    front.cabins =
        vec![section(Cabin::Business, [1, 5], "AC|DF"), section(Cabin::Economy, [6, 9], "ABC|DEF")];
    let moves = reseat(&[party(&["5A"])], &front).unwrap();
    assert_eq!(new_seats(&moves), [pair("5A", "7A")], "the exit row is used last");
    let business = SeatedParty { cabin: Cabin::Business, ..party(&["1A"]) };
    let mut none = plan(9, "ABC|DEF");
    none.cabins.remove(0);
    assert_eq!(reseat(&[business], &none), Err(CabinTooSmall(Cabin::Business)));
}

#[test]
fn seats_outside_of_exit_rows_are_left_for_those_who_need_them() {
    // Rows 5 and 6 with one exit row: two plain seats, two at the exit.
    let small = SeatPlan {
        cabins: vec![section(Cabin::Economy, [5, 6], "A|C")],
        exit_rows: vec![6],
        blocked_seats: vec![],
    };
    let adults = party(&["8A", "8C"]);
    let mut bound = party(&["9A", "9C"]);
    bound.travellers.iter_mut().for_each(|(_, wish)| wish.exit_allowed = false);
    let moves = reseat(&[adults.clone(), bound.clone()], &small).unwrap();
    let at = |party: &SeatedParty| -> HashSet<u8> {
        moves.iter().filter(|one| one.booking == party.booking).map(|one| one.to.row()).collect()
    };
    assert_eq!((at(&adults), at(&bound)), (HashSet::from([6]), HashSet::from([5])));
    let mut more = bound.clone();
    more.booking = BookingId::new();
    more.travellers.truncate(1);
    assert_eq!(reseat(&[bound, more], &small), Err(CabinTooSmall(Cabin::Economy)));
}

#[test]
fn adults_leave_their_seats_to_a_child_that_may_not_sit_in_the_exit_row() {
    // Rows 4 to 6 of two, the last one at the exit: the child's seat is gone, and adults have all others but those at the exit.
    let other = SeatPlan {
        cabins: vec![section(Cabin::Economy, [4, 6], "A|C")],
        exit_rows: vec![6],
        blocked_seats: vec![],
    };
    let adults = ["4A", "4C", "5A", "5C"].map(|seat| party(&[seat]));
    let mut child = party(&["9A"]);
    child.travellers[0].1 = Wish { named: Some(seat("9A")), exit_allowed: false, child: true };
    let moves = reseat(&[&adults[..], &[child.clone()]].concat(), &other).unwrap();
    assert_eq!(moves.len(), 2, "one adult moves, and the child");
    let (adult, seated) = match moves[0].booking == child.booking {
        true => (moves[1], moves[0]),
        false => (moves[0], moves[1]),
    };
    assert_eq!((seated.to, adult.to.row()), (adult.from, 6), "the child has the adult's seat");
}

/// A plan of economy and perhaps business with exit rows and blocked seats.
fn any_plan() -> impl Strategy<Value = SeatPlan> {
    let columns = prop::sample::select(vec!["A|C", "AC|DF", "ABC|DEF", "AB|DE"]);
    (columns, 4_u8..8, vec(3_u8..9, 0..3), any::<bool>()).prop_flat_map(
        |(columns, last, exit_rows, business)| {
            let mut cabins = vec![section(Cabin::Economy, [3, last], columns)];
            if business {
                cabins.insert(0, section(Cabin::Business, [1, 2], "A|C"));
            }
            let plan = SeatPlan { cabins, exit_rows, blocked_seats: vec![] };
            let seats: Vec<_> = plan.seats().map(|(seat, _)| seat).collect();
            let most = seats.len().min(4);
            subsequence(seats, 0..=most)
                .prop_map(move |blocked_seats| SeatPlan { blocked_seats, ..plan.clone() })
        },
    )
}

/// Parties in the cabins of a plan: each seat has one passenger at most.
fn any_parties(plan: &SeatPlan) -> impl Strategy<Value = Vec<SeatedParty>> + use<> {
    let seats: Vec<_> = plan.seats().collect();
    let count = seats.len();
    (subsequence(seats, 0..=count), vec((1_usize..5, any::<bool>(), any::<bool>()), count)).prop_map(
        |(seats, kinds)| {
            let mut parties: Vec<SeatedParty> = Vec::new();
            let mut left: HashMap<Cabin, (usize, usize)> = HashMap::new();
            for ((seat, cabin), (size, exit_allowed, child)) in seats.into_iter().zip(kinds) {
                let wish = Wish { named: Some(seat), exit_allowed: exit_allowed && !child, child };
                let joins = left.get_mut(&cabin).filter(|(_, room)| *room > 0);
                if let Some((party, room)) = joins {
                    let travellers = &mut parties[*party].travellers;
                    travellers.push((travellers.len(), wish));
                    *room -= 1;
                } else {
                    left.insert(cabin, (parties.len(), size - 1));
                    parties.push(SeatedParty {
                        booking: BookingId::new(),
                        cabin,
                        travellers: vec![(0, wish)],
                    });
                }
            }
            parties
        },
    )
}

/// Whether the numbers of seats suffice, and of those outside of exit rows.
fn suffices(parties: &[SeatedParty], plan: &SeatPlan) -> bool {
    Cabin::ALL.into_iter().all(|cabin| {
        let sellable: HashSet<_> = plan
            .seats()
            .filter(|(seat, of)| *of == cabin && !plan.blocked_seats.contains(seat))
            .map(|(seat, _)| seat)
            .collect();
        let exit = |seat: &SeatDesignator| plan.exit_rows.contains(&seat.row());
        let travellers =
            || parties.iter().filter(|party| party.cabin == cabin).flat_map(|one| &one.travellers);
        let plain = sellable.iter().filter(|seat| !exit(seat)).count();
        travellers().count() <= sellable.len()
            && travellers().filter(|(_, wish)| !wish.exit_allowed).count() <= plain
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No passenger is left without a seat of the plan in the same cabin, none has a seat that another has, a seat that can be kept
    /// is kept but by those who move to an exit row, and it is refused only where the numbers do not suffice.
    #[test]
    fn nobody_is_orphaned(
        (parties, after) in (any_plan(), any_plan())
            .prop_flat_map(|(before, after)| (any_parties(&before), Just(after)))
    ) {
        let moves = match reseat(&parties, &after) {
            Ok(moves) => moves,
            Err(_) => {
                prop_assert!(!suffices(&parties, &after));
                return Ok(());
            }
        };
        prop_assert!(suffices(&parties, &after));
        let to: HashMap<_, _> = moves.iter().map(|one| ((one.booking, one.passenger), one)).collect();
        prop_assert_eq!(to.len(), moves.len(), "each moves once");
        let mut given = HashSet::new();
        for party in &parties {
            let layout = CabinLayout::new(&after, party.cabin);
            for (passenger, wish) in &party.travellers {
                let moved = to.get(&(party.booking, *passenger));
                let kept = wish.named.is_some_and(|seat| layout.fault(seat, wish.exit_allowed).is_none());
                prop_assert!(kept || moved.is_some());
                let to_exit = moved.is_some_and(|one| after.exit_rows.contains(&one.to.row()));
                prop_assert!(moved.is_none() || !kept || to_exit);
                prop_assert!(moved.is_none_or(|one| Some(one.from) == wish.named));
                let seat = moved.map(|one| one.to).or(wish.named).unwrap();
                prop_assert_eq!(layout.fault(seat, wish.exit_allowed), None);
                prop_assert!(given.insert(seat), "{} is given twice", seat);
            }
        }
        // The same question has the same answer.
        prop_assert_eq!(reseat(&parties, &after), Ok(moves));
    }
}
