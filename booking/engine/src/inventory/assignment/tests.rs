//! Examples, and properties that compare assignments with all possible ones in small cabins.

use super::*;
use proptest::prelude::*;
use shared_types::seat::{Cabin, CabinSection, SeatDesignator, SeatPlan};
use std::collections::{HashMap, HashSet};

fn section(cabin: Cabin, rows: [u8; 2], columns: &str) -> CabinSection {
    CabinSection { cabin, rows, columns: columns.parse().unwrap() }
}

fn plan() -> SeatPlan {
    SeatPlan {
        cabins: vec![
            section(Cabin::Business, [1, 3], "AC|DF"),
            section(Cabin::Economy, [4, 12], "ABC|DEF"),
            section(Cabin::Economy, [13, 14], "AB|EF"),
        ],
        exit_rows: vec![8, 9],
        blocked_seats: vec![seat("12F")],
    }
}

fn seat(text: &str) -> SeatDesignator {
    text.parse().unwrap()
}

fn wish(named: Option<&str>) -> Wish {
    Wish { named: named.map(seat), exit_allowed: true, child: false }
}

fn child(named: Option<&str>) -> Wish {
    Wish { exit_allowed: false, child: true, ..wish(named) }
}

fn seats(texts: &[&str]) -> Vec<SeatDesignator> {
    texts.iter().map(|text| seat(text)).collect()
}

/// Economy with exactly these seats free.
fn free_are(plan: &SeatPlan, free: &[SeatDesignator]) -> (CabinLayout, Occupancy) {
    let layout = CabinLayout::new(plan, Cabin::Economy);
    let mut occupancy = Occupancy::all_free(&layout);
    plan.seats().for_each(|(seat, _)| occupancy.set(&layout, seat, free.contains(&seat)));
    (layout, occupancy)
}

/// Assigns in economy with exactly these seats free.
fn among(free: &[&str], wishes: &[Wish]) -> Result<Vec<SeatDesignator>, NoSeats> {
    let (layout, occupancy) = free_are(&plan(), &seats(free));
    layout.assign(&occupancy, wishes, 0)
}

/// Assigns in an empty economy.
fn in_empty(wishes: &[Wish], tie_break: usize) -> Vec<SeatDesignator> {
    let layout = CabinLayout::new(&plan(), Cabin::Economy);
    layout.assign(&Occupancy::all_free(&layout), wishes, tie_break).unwrap()
}

#[test]
fn named_seats_are_checked_before_they_are_found_taken() {
    let wishes = [wish(Some("99A")), wish(Some("1A")), wish(Some("12F")), child(Some("8A"))];
    let faults =
        [(0, SeatFault::Unknown), (1, SeatFault::Cabin), (2, SeatFault::Blocked), (3, SeatFault::Exit)];
    assert_eq!(among(&[], &wishes), Err(NoSeats::Faults(faults.to_vec())));
    let taken = NoSeats::Taken(seats(&["5A", "8A"]));
    let wishes = [wish(Some("5A")), wish(Some("8A")), wish(None)];
    assert_eq!(among(&[], &wishes), Err(taken), "all of them are reported");
    assert_eq!(among(&["4A"], &[wish(None), wish(None)]), Err(NoSeats::Full));
    assert_eq!(among(&["8A", "12F"], &[child(None)]), Err(NoSeats::Full));
}

#[test]
fn an_occupancy_counts_seats_that_can_be_sold() {
    let layout = CabinLayout::new(&plan(), Cabin::Economy);
    let mut free = Occupancy::all_free(&layout);
    assert_eq!(free.count(), 61);
    for text in ["12F", "1A", "99A"] {
        free.set(&layout, seat(text), true);
    }
    assert_eq!(free, Occupancy::all_free(&layout), "blocked seats, and other cabins' seats, are not free");
    free.set(&layout, seat("14F"), false);
    assert_eq!(free.count(), 60);
    free.set(&layout, seat("14F"), true);
    assert_eq!(free, Occupancy::all_free(&layout));
}

#[test]
fn parties_sit_together() {
    let all = |count| in_empty(&vec![wish(None); count], 0);
    assert_eq!(all(3), seats(&["4A", "4B", "4C"]));
    assert_eq!(all(2), seats(&["12D", "12E"]), "the tightest gap leaves no single seat");
    assert_eq!(all(4), seats(&["4A", "4B", "4C", "4D"]), "four sit in a row, across the aisle");
    let nine: HashSet<u8> = all(9).iter().map(|one| one.row()).collect();
    assert_eq!(nine, HashSet::from([4, 5]), "nine sit in two adjacent rows");
}

#[test]
fn exit_rows_are_used_last() {
    assert_eq!(in_empty(&[wish(None)], 4)[0].row(), 10, "rows 8 and 9 are passed over");
    assert_eq!(among(&["8A", "9A", "14F"], &[wish(None)]), Ok(seats(&["14F"])));
    let two = [wish(None), wish(None)];
    assert_eq!(among(&["4A", "8A", "8B", "10A"], &two), Ok(seats(&["8A", "8B"])), "but together comes first");
}

#[test]
fn no_single_seat_is_left_where_another_place_is_as_good() {
    let two = [wish(None), wish(None)];
    assert_eq!(among(&["4A", "4B", "4C", "14E", "14F"], &two), Ok(seats(&["14E", "14F"])));
    assert_eq!(
        among(&["4A", "4B", "4C", "6B"], &[wish(None)]),
        Ok(seats(&["6B"])),
        "a single seat is filled"
    );
    let four = [wish(None); 4];
    assert_eq!(among(&["4A", "4B", "4C", "4D", "4E"], &four), Ok(seats(&["4A", "4B", "4C", "4D"])));
    assert_eq!(among(&["4A", "4B", "4C", "4D", "4E", "4F"], &four), Ok(seats(&["4A", "4B", "4C", "4D"])));
}

#[test]
fn children_sit_beside_adults() {
    let family = [child(None), child(None), wish(None)];
    assert_eq!(in_empty(&family, 0), seats(&["4A", "4C", "4B"]), "the adult between the children");
    // One row each: the adults sit apart, so that no child sits alone.
    let two_families = [wish(None), wish(None), child(None), child(None)];
    let rows = among(&["4A", "4B", "5A", "5B"], &two_families).unwrap();
    assert_ne!(rows[0].row(), rows[1].row());
    // Two adjacent rows would leave a child alone; three do not.
    let parent = [wish(None), child(None), child(None)];
    let free = ["4A", "4B", "5A", "7A", "7C", "7E"];
    assert_eq!(among(&free, &parent).unwrap().iter().map(|one| one.row()).collect::<Vec<_>>(), [7, 7, 7]);
    let couple = [wish(None), child(None), child(None), wish(None)];
    let free = ["4A", "5A", "6A", "6B", "6C"];
    let found = among(&free, &couple).unwrap();
    let alone = found.iter().find(|one| one.row() == 5).unwrap();
    assert!(found[0] == *alone || found[3] == *alone, "an adult sits alone, no child: {found:?}");
}

#[test]
fn the_rest_of_a_party_sits_near_its_named_seats() {
    assert_eq!(in_empty(&[wish(Some("11B")), wish(None)], 0)[1].row(), 11);
    assert_eq!(in_empty(&[wish(None), wish(Some("11B")), wish(None)], 0), seats(&["11A", "11B", "11C"]));
    assert_eq!(
        among(&["4A", "10F", "11B", "14E"], &[wish(Some("11B")), wish(None)]).unwrap()[1],
        seat("10F")
    );
    let apart = in_empty(&[wish(Some("4A")), wish(Some("7A")), wish(None)], 0)[2];
    assert!([4, 7].contains(&apart.row()), "beside one of them: {apart}");
    assert_eq!(in_empty(&[child(Some("11B")), wish(None)], 0)[1].row(), 11);
}

#[test]
fn parties_of_one_are_spread() {
    let rows: HashSet<u8> = (0..11).map(|tie_break| in_empty(&[wish(None)], tie_break)[0].row()).collect();
    assert!(rows.len() >= 6, "{rows:?}");
}

#[test]
fn more_than_nine_unnamed_seats_are_refused() {
    let layout = CabinLayout::new(&plan(), Cabin::Economy);
    let ten = vec![wish(None); 10];
    assert_eq!(layout.assign(&Occupancy::all_free(&layout), &ten, 0), Err(NoSeats::Full));
    let none = CabinLayout::new(&plan(), Cabin::First);
    assert_eq!(none.assign(&Occupancy::all_free(&none), &[wish(None)], 7), Err(NoSeats::Full));
}

proptest! {
    #[test]
    fn assignments_are_valid(
        taken in proptest::collection::hash_set(0_usize..61, 0..61),
        kinds in proptest::collection::vec(0_u8..3, 1..10),
        tie_break in 0_usize..40,
    ) {
        let plan = plan();
        let layout = CabinLayout::new(&plan, Cabin::Economy);
        let mut free = Occupancy::all_free(&layout);
        let cabin: Vec<_> = plan.seats().filter(|(_, of)| *of == Cabin::Economy).map(|(seat, _)| seat).collect();
        taken.iter().for_each(|index| free.set(&layout, cabin[*index], false));
        let sellable: HashSet<_> = cabin.iter().enumerate()
            .filter(|(index, seat)| !taken.contains(index) && !plan.blocked_seats.contains(seat))
            .map(|(_, seat)| *seat).collect();
        let wishes: Vec<_> = kinds.iter()
            .map(|kind| Wish { named: None, exit_allowed: *kind == 0, child: *kind == 2 }).collect();
        let plain = sellable.iter().filter(|seat| !plan.exit_rows.contains(&seat.row())).count();
        let bound = wishes.iter().filter(|wish| !wish.exit_allowed).count();
        let found = layout.assign(&free, &wishes, tie_break);
        prop_assert_eq!(&found, &layout.assign(&free, &wishes, tie_break), "the same again");
        match found {
            Ok(seats) => {
                prop_assert_eq!(seats.len(), wishes.len());
                prop_assert_eq!(seats.iter().collect::<HashSet<_>>().len(), seats.len(), "nobody shares a seat");
                for (seat, wish) in seats.iter().zip(&wishes) {
                    prop_assert!(sellable.contains(seat));
                    prop_assert!(wish.exit_allowed || !plan.exit_rows.contains(&seat.row()));
                }
            }
            Err(error) => {
                prop_assert_eq!(error, NoSeats::Full);
                prop_assert!(plain < bound || sellable.len() < wishes.len(), "a party that fits gets seats");
            }
        }
    }

    #[test]
    fn no_possible_assignment_is_better(
        free in proptest::collection::hash_set(0_usize..SMALL_SEATS, 1..11),
        kinds in proptest::collection::vec((0_u8..3, proptest::option::weighted(0.2, any::<proptest::sample::Index>())), 1..5),
        tie_break in 0_usize..9,
    ) {
        let small = small();
        let all: Vec<_> = small.seats().map(|(seat, _)| seat).collect();
        let free: Vec<_> = free.iter().map(|index| all[*index]).collect();
        let (layout, occupancy) = free_are(&small, &free);
        let mut chosen = HashSet::new();
        let wishes: Vec<_> = kinds.iter().map(|(kind, named)| {
            let exit_allowed = *kind == 0;
            let named = named.map(|index| *index.get(&free))
                .filter(|seat| exit_allowed || !small.exit_rows.contains(&seat.row()))
                .filter(|seat| chosen.insert(*seat));
            Wish { named, exit_allowed, child: *kind == 2 }
        }).collect();
        let best = ways(&small, &free, &wishes).into_iter().map(|seats| badness(&small, &free, &wishes, &seats)).min();
        let found = layout.assign(&occupancy, &wishes, tie_break).ok();
        let found = found.map(|seats| badness(&small, &free, &wishes, &seats));
        prop_assert_eq!(found, best, "of {:?} for {:?}", free, wishes);
    }
}

const SMALL_SEATS: usize = 20;

/// Five rows with an exit in the middle.
fn small() -> SeatPlan {
    let cabins = vec![section(Cabin::Economy, [1, 4], "ABC|D"), section(Cabin::Economy, [5, 5], "A|BCD")];
    SeatPlan { cabins, exit_rows: vec![3], blocked_seats: vec![] }
}

/// All valid assignments.
fn ways(plan: &SeatPlan, free: &[SeatDesignator], wishes: &[Wish]) -> Vec<Vec<SeatDesignator>> {
    let named: Vec<_> = wishes.iter().filter_map(|wish| wish.named).collect();
    wishes.iter().fold(vec![vec![]], |ways, wish| {
        let extend = |way: Vec<SeatDesignator>| {
            let may = |seat: &&SeatDesignator| match wish.named {
                Some(named) => **seat == named,
                None => {
                    !named.contains(seat)
                        && !way.contains(seat)
                        && (wish.exit_allowed || !plan.exit_rows.contains(&seat.row()))
                }
            };
            let next: Vec<_> = free.iter().filter(may).map(|seat| [&way[..], &[*seat]].concat()).collect();
            next
        };
        ways.into_iter().flat_map(extend).collect()
    })
}

/// The badness of an assignment: children without an adult in the row, rank, seats in exit rows, and additional single
/// seats.
fn badness(
    plan: &SeatPlan,
    free: &[SeatDesignator],
    wishes: &[Wish],
    seats: &[SeatDesignator],
) -> (bool, usize, usize, i64) {
    let unnamed = || wishes.iter().zip(seats).filter(|(wish, _)| wish.named.is_none());
    let adults: HashSet<u8> =
        wishes.iter().zip(seats).filter(|(wish, _)| !wish.child).map(|(_, seat)| seat.row()).collect();
    let alone = unnamed().any(|(wish, seat)| wish.child && !adults.contains(&seat.row()));
    let exits = unnamed().filter(|(_, seat)| plan.exit_rows.contains(&seat.row())).count();
    let after: Vec<_> = free.iter().copied().filter(|seat| !seats.contains(seat)).collect();
    let named: Vec<_> = wishes.iter().filter_map(|wish| wish.named).collect();
    let before: Vec<_> = free.iter().copied().filter(|seat| !named.contains(seat)).collect();
    let rank = if unnamed().next().is_none() { 0 } else { rank(plan, seats) };
    (alone, rank, exits, single_seats(plan, &after) - single_seats(plan, &before))
}

/// The block of a seat, and its position there.
fn place(plan: &SeatPlan, seat: SeatDesignator) -> ((u8, usize), usize) {
    let columns = &plan.section(seat).unwrap().columns;
    let at = |(block, letters): (usize, &str)| Some(((seat.row(), block), letters.find(seat.letter())?));
    columns.blocks().enumerate().find_map(at).unwrap()
}

/// The rank of an assignment: side by side, in one row, or the number of rows.
fn rank(plan: &SeatPlan, seats: &[SeatDesignator]) -> usize {
    let rows = || seats.iter().map(|seat| usize::from(seat.row()));
    let height = rows().max().unwrap() - rows().min().unwrap() + 1;
    let places: Vec<_> = seats.iter().map(|seat| place(plan, *seat)).collect();
    let blocks: HashSet<_> = places.iter().map(|(block, _)| *block).collect();
    let (first, last) = (places.iter().map(|(_, at)| at).min(), places.iter().map(|(_, at)| at).max());
    let adjacent = last.unwrap() - first.unwrap() + 1 == seats.len();
    if blocks.len() == 1 && adjacent { 0 } else { height }
}

fn single_seats(plan: &SeatPlan, free: &[SeatDesignator]) -> i64 {
    let mut blocks: HashMap<_, HashSet<usize>> = HashMap::new();
    for seat in free {
        let (block, at) = place(plan, *seat);
        blocks.entry(block).or_default().insert(at);
    }
    let single = |places: &HashSet<usize>| {
        let has = |at: Option<usize>| at.is_some_and(|at| places.contains(&at));
        places.iter().filter(|at| !has(at.checked_add(1)) && !has(at.checked_sub(1))).count()
    };
    i64::try_from(blocks.values().map(single).sum::<usize>()).unwrap()
}
