//! Which seats a party gets: the named ones, and for the others seats together.

use shared::seat::{Cabin, SeatDesignator, SeatPlan};

/// What one traveller wants of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The seat that was chosen, if any.
    pub(crate) named: Option<SeatDesignator>,
    /// Whether the traveller may sit in an exit row.
    pub(crate) exit_allowed: bool,
}

/// Why a named seat cannot be had whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeatFault {
    #[error("the airplane has no such seat")]
    Unknown,
    #[error("is in another cabin")]
    Cabin,
    #[error("is blocked")]
    Blocked,
    #[error("is in an exit row, which children, and adults with an infant, may not use")]
    Exit,
}

/// Why a party gets no seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoSeats {
    /// Faults of named seats, by the place of the wish.
    Faults(Vec<(usize, SeatFault)>),
    /// All named seats that others have.
    Taken(Vec<SeatDesignator>),
    /// Too few seats are left in the cabin for those who named none.
    Full,
}

/// Assigns a seat to each wish, in their order. `is_free` tells whether nobody has a seat. `spread`
/// chooses between places that are equally good, so that allocators that do not know of each other
/// do not all begin with the same row.
pub(crate) fn assign(
    plan: &SeatPlan,
    cabin: Cabin,
    wishes: &[Wish],
    is_free: impl Fn(SeatDesignator) -> bool,
    spread: usize,
) -> Result<Vec<SeatDesignator>, NoSeats> {
    let named = || wishes.iter().enumerate().filter_map(|(index, wish)| Some((index, wish, wish.named?)));
    let faults: Vec<_> =
        named().filter_map(|(index, wish, seat)| Some((index, fault(plan, cabin, wish, seat)?))).collect();
    if !faults.is_empty() {
        return Err(NoSeats::Faults(faults));
    }
    let taken: Vec<_> = named().map(|(_, _, seat)| seat).filter(|seat| !is_free(*seat)).collect();
    if !taken.is_empty() {
        return Err(NoSeats::Taken(taken));
    }
    let chosen: Vec<_> = named().map(|(_, _, seat)| seat).collect();
    let rest: Vec<bool> =
        wishes.iter().filter(|wish| wish.named.is_none()).map(|wish| wish.exit_allowed).collect();
    let rows = free_rows(plan, cabin, |seat| is_free(seat) && !chosen.contains(&seat));
    // Before the search for the best place there is none to be found.
    seat_in(&rows, &rest).ok_or(NoSeats::Full)?;
    let mut found = together(&rows, &rest, spread).ok_or(NoSeats::Full)?.into_iter();
    let seats: Vec<_> = wishes.iter().filter_map(|wish| wish.named.or_else(|| found.next())).collect();
    debug_assert_eq!(seats.len(), wishes.len(), "everybody has a seat");
    Ok(seats)
}

/// Why nobody with this wish may have a seat, whoever has it now.
pub(crate) fn fault(plan: &SeatPlan, cabin: Cabin, wish: &Wish, seat: SeatDesignator) -> Option<SeatFault> {
    let Some(section) = plan.section(seat) else { return Some(SeatFault::Unknown) };
    if section.cabin != cabin {
        Some(SeatFault::Cabin)
    } else if plan.blocked_seats.contains(&seat) {
        Some(SeatFault::Blocked)
    } else if plan.exit_rows.contains(&seat.row()) && !wish.exit_allowed {
        Some(SeatFault::Exit)
    } else {
        None
    }
}

/// The free seats of a row, left to right, by blocks between aisles.
struct Row {
    exit: bool,
    /// Each block with all its places; `None` where the seat is not free.
    blocks: Vec<Vec<Option<SeatDesignator>>>,
}

impl Row {
    fn free(&self) -> impl Iterator<Item = SeatDesignator> + '_ {
        self.blocks.iter().flatten().copied().flatten()
    }
}

fn free_rows(plan: &SeatPlan, cabin: Cabin, is_free: impl Fn(SeatDesignator) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for section in plan.cabins.iter().filter(|section| section.cabin == cabin) {
        for row in section.rows[0]..=section.rows[1] {
            let free = |letter| {
                SeatDesignator::new(row, letter)
                    .filter(|seat| !plan.blocked_seats.contains(seat) && is_free(*seat))
            };
            let blocks = section.columns.blocks().map(|block| block.chars().map(free).collect()).collect();
            rows.push(Row { exit: plan.exit_rows.contains(&row), blocks });
        }
    }
    rows
}

/// Seats for those who named none, in their order: side by side, else in one row, else in as few
/// adjacent rows as will do.
fn together(rows: &[Row], exit_allowed: &[bool], spread: usize) -> Option<Vec<SeatDesignator>> {
    let party = exit_allowed.len();
    if party == 0 {
        return Some(Vec::new());
    }
    let all_may_exit = exit_allowed.iter().all(|allowed| *allowed);
    let turned = |index: usize| (index + rows.len() - spread % rows.len().max(1)) % rows.len().max(1);
    let usable = || rows.iter().enumerate().filter(|(_, row)| all_may_exit || !row.exit);
    // Side by side: the tightest gap first, so that no single seats are left over.
    let gaps = usable().flat_map(|(index, row)| {
        row.blocks.iter().flat_map(move |block| gaps(block)).map(move |gap| (index, gap))
    });
    let fitting = gaps.filter(|(_, gap)| gap.len() >= party);
    let rank = |(index, gap): &(usize, Vec<SeatDesignator>)| (leftover(gap.len() - party), turned(*index));
    if let Some((_, gap)) = fitting.min_by_key(rank) {
        return Some(gap[..party].to_vec());
    }
    // Across an aisle.
    let wide =
        usable().filter(|(_, row)| row.free().count() >= party).min_by_key(|(index, _)| turned(*index));
    if let Some((_, row)) = wide {
        return Some(row.free().take(party).collect());
    }
    for height in 2..=rows.len() {
        let windows = rows.windows(height).enumerate();
        let fitting = windows.filter_map(|(index, window)| Some((index, seat_in(window, exit_allowed)?)));
        if let Some((_, seats)) = fitting.min_by_key(|(index, _)| turned(*index)) {
            return Some(seats);
        }
    }
    // A cabin of one row, or too few seats.
    seat_in(rows, exit_allowed)
}

/// How bad it is to leave so many seats of a gap over: one is worst, none is best.
fn leftover(seats: usize) -> usize {
    match seats {
        0 => 0,
        1 => usize::MAX,
        more => more,
    }
}

/// The runs of adjacent free seats of a block.
fn gaps(block: &[Option<SeatDesignator>]) -> Vec<Vec<SeatDesignator>> {
    let runs = block.split(Option::is_none).filter(|run| !run.is_empty());
    runs.map(|run| run.iter().copied().flatten().collect()).collect()
}

/// Seats in these rows; exit rows only for those who may.
fn seat_in(rows: &[Row], exit_allowed: &[bool]) -> Option<Vec<SeatDesignator>> {
    let mut plain: Vec<_> = rows.iter().filter(|row| !row.exit).flat_map(Row::free).collect();
    let mut exits: Vec<_> = rows.iter().filter(|row| row.exit).flat_map(Row::free).collect();
    // From the front: both lists are taken from their ends.
    plain.reverse();
    exits.reverse();
    let bound = exit_allowed.iter().filter(|allowed| !**allowed).count();
    if plain.len() < bound || plain.len() + exits.len() < exit_allowed.len() {
        return None;
    }
    let mut spare = plain.len() - bound;
    let mut seats = Vec::with_capacity(exit_allowed.len());
    for allowed in exit_allowed {
        let seat = match allowed {
            false => plain.pop(),
            true if spare > 0 => {
                spare -= 1;
                plain.pop()
            }
            true => exits.pop(),
        };
        seats.push(seat?);
    }
    Some(seats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::seat::CabinSection;
    use std::collections::HashSet;

    fn plan() -> SeatPlan {
        let section =
            |cabin, rows, columns: &str| CabinSection { cabin, rows, columns: columns.parse().unwrap() };
        SeatPlan {
            cabins: vec![
                section(Cabin::Business, [1, 3], "AC|DF"),
                section(Cabin::Economy, [4, 12], "ABC|DEF"),
                section(Cabin::Economy, [13, 14], "AB|EF"),
            ],
            exit_rows: vec![8, 9],
            blocked_seats: vec!["12F".parse().unwrap()],
        }
    }

    fn seat(text: &str) -> SeatDesignator {
        text.parse().unwrap()
    }

    fn wish(named: Option<&str>) -> Wish {
        Wish { named: named.map(seat), exit_allowed: true }
    }

    #[test]
    fn named_seats_are_checked_before_they_are_found_taken() {
        let wishes = [
            wish(Some("99A")),
            wish(Some("1A")),
            wish(Some("12F")),
            Wish { exit_allowed: false, ..wish(Some("8A")) },
        ];
        let faults =
            [(0, SeatFault::Unknown), (1, SeatFault::Cabin), (2, SeatFault::Blocked), (3, SeatFault::Exit)];
        let none_free = |_| false;
        assert_eq!(
            assign(&plan(), Cabin::Economy, &wishes, none_free, 0),
            Err(NoSeats::Faults(faults.to_vec()))
        );
        let wishes = [wish(Some("5A")), wish(Some("8A")), wish(None)];
        let taken = NoSeats::Taken(vec![seat("5A"), seat("8A")]);
        assert_eq!(
            assign(&plan(), Cabin::Economy, &wishes, none_free, 0),
            Err(taken),
            "all of them are told"
        );
        assert_eq!(assign(&plan(), Cabin::Economy, &[wish(None)], none_free, 0), Err(NoSeats::Full));
    }

    #[test]
    fn parties_sit_together() {
        let all = |count| assign(&plan(), Cabin::Economy, &vec![wish(None); count], |_| true, 0).unwrap();
        assert_eq!(all(3), [seat("4A"), seat("4B"), seat("4C")]);
        assert_eq!(all(2), [seat("12D"), seat("12E")], "the tightest gap leaves no single seat");
        let six = all(6);
        assert!(six.iter().all(|one| one.row() == six[0].row()), "six sit in one row, across the aisle");
        let nine: HashSet<u8> = all(9).iter().map(|one| one.row()).collect();
        assert_eq!(nine, HashSet::from([4, 5]), "nine sit in two adjacent rows");
    }

    proptest! {
        #[test]
        fn assignments_are_valid(
            taken in proptest::collection::hash_set(0_usize..61, 0..61),
            exits in proptest::collection::vec(any::<bool>(), 1..10),
            spread in 0_usize..40,
        ) {
            let plan = plan();
            let cabin: Vec<_> = plan.seats().filter(|(_, of)| *of == Cabin::Economy).map(|(seat, _)| seat).collect();
            let free = |seat: SeatDesignator| !taken.contains(&cabin.iter().position(|one| *one == seat).unwrap());
            let sellable: Vec<_> = cabin.iter().copied().filter(|seat| free(*seat) && !plan.blocked_seats.contains(seat)).collect();
            let plain = sellable.iter().filter(|seat| !plan.exit_rows.contains(&seat.row())).count();
            let wishes: Vec<_> = exits.iter().map(|exit_allowed| Wish { named: None, exit_allowed: *exit_allowed }).collect();
            let bound = exits.iter().filter(|allowed| !**allowed).count();
            match assign(&plan, Cabin::Economy, &wishes, free, spread) {
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
                    prop_assert!(plain < bound || sellable.len() < wishes.len(), "whoever fits gets seats");
                }
            }
        }
    }
}
