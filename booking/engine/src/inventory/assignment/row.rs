//! The best seats of one row for each number of seats.

use crate::inventory::assignment::wish::LARGEST;

/// The number of free seats of a block without a free neighbour.
pub(crate) fn singles(block: u32) -> u32 {
    (block & !(block << 1) & !(block >> 1)).count_ones()
}

/// A choice of seats of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    /// The chosen seats, as bits.
    pub(crate) seats: u32,
    /// The single free seats after the choice, less those before it.
    pub(crate) singles: i32,
    /// The number of groups of the party. An aisle alone does not separate groups.
    pub(crate) pieces: u32,
}

/// The best seats for each number of seats.
#[derive(Debug, Clone)]
pub(crate) struct Choices([Option<Pick>; LARGEST + 1]);

/// The left neighbour of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Another traveller, a wall, or an aisle.
    Wall,
    /// A free seat with no free neighbour so far.
    Single,
    /// Several free seats.
    Gap,
    /// A traveller of the party.
    Party,
}

const LEFTS: usize = 4;

/// The best way to each number of seats so far, by its last seat.
type Ways = [[Option<Way>; LEFTS]; LARGEST + 1];

/// A choice of the seats so far, with the single seats that it leaves and its groups.
#[derive(Debug, Clone, Copy)]
struct Way {
    singles: u32,
    pieces: u32,
    seats: u32,
}

impl Choices {
    /// The best choices of a row for up to `most` seats: the fewest single seats left over, then the fewest groups.
    /// `named`: the named seats of the party.
    pub(crate) fn of(blocks: &[u32], free: u32, named: u32, most: usize) -> Self {
        let mut ways: Ways = [[None; LEFTS]; LARGEST + 1];
        ways[0][Left::Wall as usize] = Some(Way { singles: 0, pieces: 0, seats: 0 });
        for block in blocks {
            let mut rest = *block;
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                rest ^= bit;
                ways = seat(&ways, bit, (free & bit != 0, named & bit != 0), most);
            }
            ways = aisle(&ways);
        }
        let before: u32 = blocks.iter().map(|block| singles(free & block)).sum();
        let best = |ways: &[Option<Way>; LEFTS]| {
            let way = ways.iter().flatten().min_by_key(|way| (way.singles, way.pieces))?;
            let change = i64::from(way.singles) - i64::from(before);
            Some(Pick { seats: way.seats, singles: i32::try_from(change).ok()?, pieces: way.pieces })
        };
        Self(std::array::from_fn(|count| best(&ways[count])))
    }

    /// The best choice of this number of seats; `None`: the row has too few free seats.
    pub(crate) fn pick(&self, count: usize) -> Option<Pick> {
        self.0.get(count).copied().flatten()
    }
}

/// Keeps the better of two ways.
fn keep(place: &mut Option<Way>, way: Way) {
    if place.is_none_or(|other| (way.singles, way.pieces) < (other.singles, other.pieces)) {
        *place = Some(way);
    }
}

/// Extends all ways by one seat, which the party takes or leaves.
fn seat(ways: &Ways, bit: u32, (free, named): (bool, bool), most: usize) -> Ways {
    let mut next: Ways = [[None; LEFTS]; LARGEST + 1];
    for (count, lefts) in ways.iter().enumerate().take(most + 1) {
        for (left, way) in [Left::Wall, Left::Single, Left::Gap, Left::Party].into_iter().zip(lefts) {
            let Some(way) = way else { continue };
            let closed = Way { singles: way.singles + u32::from(left == Left::Single), ..*way };
            let joined = Way { pieces: way.pieces + u32::from(left != Left::Party), ..closed };
            if named {
                keep(&mut next[count][Left::Party as usize], joined);
            } else if !free {
                keep(&mut next[count][Left::Wall as usize], closed);
            } else {
                let gap = match left {
                    Left::Wall | Left::Party => Left::Single,
                    Left::Single | Left::Gap => Left::Gap,
                };
                keep(&mut next[count][gap as usize], *way);
                if count < most {
                    let taken = Way { seats: joined.seats | bit, ..joined };
                    keep(&mut next[count + 1][Left::Party as usize], taken);
                }
            }
        }
    }
    next
}

/// Extends all ways by an aisle: it ends gaps, but not groups.
fn aisle(ways: &Ways) -> Ways {
    let mut next: Ways = [[None; LEFTS]; LARGEST + 1];
    for (count, lefts) in ways.iter().enumerate() {
        for (left, way) in [Left::Wall, Left::Single, Left::Gap, Left::Party].into_iter().zip(lefts) {
            let Some(way) = way else { continue };
            let (left, single) = match left {
                Left::Party => (Left::Party, 0),
                Left::Single => (Left::Wall, 1),
                Left::Wall | Left::Gap => (Left::Wall, 0),
            };
            keep(&mut next[count][left as usize], Way { singles: way.singles + single, ..*way });
        }
    }
    next
}
