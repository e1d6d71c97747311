//! Distributes the found seats among the travellers of the party.

use crate::inventory::assignment::{
    Wish,
    layout::{CabinLayout, Spot},
    search::Named,
};
use shared_types::seat::SeatDesignator;

/// The found and the named seats of a party.
pub(crate) struct PartySeats<'a> {
    pub(crate) layout: &'a CabinLayout,
    /// The found seats, left to right and front to back.
    pub(crate) found: Vec<Spot>,
    pub(crate) named: &'a [Named],
}

/// The harm to children, the worst first: children on found seats without an adult in their row; the same on named
/// seats; the distances to the nearest adults.
type Harm = (u32, u32, u32);

impl PartySeats<'_> {
    /// Gives the found seats to the wishes without a named one, in their order; `None`: they do not fit.
    pub(crate) fn give(&self, wishes: &[Wish]) -> Option<Vec<SeatDesignator>> {
        let without = || wishes.iter().filter(|wish| wish.named.is_none());
        let children = without().filter(|wish| wish.child).count();
        let for_children = self.for_children(u32::try_from(children).ok()?)?;
        let places = |child: bool, exit: bool| {
            let found = self.found.iter().enumerate();
            found.filter(move |(place, spot)| {
                (for_children & (1 << place) != 0) == child && self.layout.is_exit(spot.row) == exit
            })
        };
        let mut of_children = places(true, false).map(|(_, spot)| *spot);
        let mut plain = places(false, false).map(|(_, spot)| *spot);
        let mut exits = places(false, true).map(|(_, spot)| *spot);
        let bound = without().filter(|wish| !wish.child && !wish.exit_allowed).count();
        let mut spare = places(false, false).count().checked_sub(bound)?;
        let mut seats = Vec::with_capacity(self.found.len());
        for wish in without() {
            let spot = match (wish.child, wish.exit_allowed) {
                (true, _) => of_children.next(),
                (false, false) => plain.next(),
                (false, true) if spare > 0 => {
                    spare -= 1;
                    plain.next()
                }
                (false, true) => exits.next(),
            };
            seats.push(self.layout.designator(spot?)?);
        }
        Some(seats)
    }

    /// The found seats for this number of children, as bits: those with the least harm.
    fn for_children(&self, children: u32) -> Option<u32> {
        if children == 0 {
            return Some(0);
        }
        let exits = self.found.iter().enumerate().filter(|(_, spot)| self.layout.is_exit(spot.row));
        let exits: u32 = exits.fold(0, |mask, (place, _)| mask | 1 << place);
        let ways =
            (1..1_u32 << self.found.len()).filter(|way| way.count_ones() == children && way & exits == 0);
        ways.min_by_key(|way| self.harm(*way))
    }

    /// The harm to children on these found seats.
    fn harm(&self, for_children: u32) -> Harm {
        let is_child = |place: usize| for_children & (1 << place) != 0;
        let found = || self.found.iter().enumerate();
        let mut harm = (0, 0, 0);
        let children = found().filter(|(place, _)| is_child(*place)).map(|(_, spot)| (*spot, false));
        let named = self.named.iter().filter(|named| !named.adult).map(|named| (named.spot, true));
        for (child, named) in children.chain(named) {
            let adults = found().filter(|(place, _)| !is_child(*place)).map(|(_, spot)| *spot);
            let adults = adults.chain(self.named.iter().filter(|one| one.adult).map(|one| one.spot));
            let nearest = adults.map(|adult| self.distance(child, adult)).min().unwrap_or(ALONE);
            match (nearest == ALONE, named) {
                (true, false) => harm.0 += 1,
                (true, true) => harm.1 += 1,
                (false, _) => harm.2 += nearest,
            }
        }
        harm
    }

    /// The distance between a child and an adult: 0 for neighbours, 1 across an aisle, else the number of seats between
    /// them plus 1; [`ALONE`] in different rows.
    fn distance(&self, child: Spot, adult: Spot) -> u32 {
        if child.row != adult.row {
            return ALONE;
        }
        let apart = child.bit.trailing_zeros().abs_diff(adult.bit.trailing_zeros());
        let pair = child.bit | adult.bit;
        let same_block = self.layout.blocks(child.row).iter().any(|block| block & pair == pair);
        // A seat between them is worse than an aisle.
        match (apart, same_block) {
            (1, true) => 0,
            (1, false) => 1,
            (more, _) => more,
        }
    }
}

/// The distance of a child without an adult in its row.
const ALONE: u32 = u32::MAX;
