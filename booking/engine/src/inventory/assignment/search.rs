//! The best place of a cabin for a party: side by side, else in one row, else in the fewest adjacent rows.
//!
//! A cost decides between places of equal rank. It counts, the highest first: seats in exit rows; single free seats
//! that are left between taken ones; travellers who sit alone in a row; the distance to the named seats. `tie_break`
//! chooses among equal costs.

use crate::inventory::assignment::{
    layout::{CabinLayout, Occupancy, Spot},
    row::{Choices, Pick, singles},
    wish::LARGEST,
};
use std::ops::Range;

/// The seats that the search has to find.
pub(crate) struct Need {
    /// The number of seats.
    pub(crate) seats: usize,
    /// The most of them that may be in exit rows.
    pub(crate) exits: usize,
    /// The number of adults among their travellers.
    pub(crate) adults: usize,
    /// Whether children are among their travellers.
    pub(crate) children: bool,
}

/// A named seat of the party.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    /// The seat.
    pub(crate) spot: Spot,
    /// Whether its traveller is an adult.
    pub(crate) adult: bool,
}

/// The search in a cabin.
pub(crate) struct Search<'a> {
    pub(crate) layout: &'a CabinLayout,
    pub(crate) free: &'a Occupancy,
    pub(crate) named: &'a [Named],
    pub(crate) need: &'a Need,
    pub(crate) tie_break: usize,
}

/// Costs of a place. Each is higher than the sum of all possible lower ones.
const EXIT: i64 = 1 << 29;
const SINGLE: i64 = 1 << 22;
const LONELY: i64 = 1 << 18;
const DISTANCE: i64 = 1 << 8;
const ROW: i64 = 1 << 4;

impl Search<'_> {
    /// The best place: rows with the bits of the seats taken there, front to back; `None`: the party does not fit.
    pub(crate) fn best(&self) -> Option<Vec<(usize, u32)>> {
        let found = self.side_by_side().or_else(|| self.in_a_row());
        if let Some(place) = found {
            return Some(vec![place]);
        }
        // A child with an adult in its row matters more than nearby rows.
        let accompanied = if self.need.children { self.in_rows(Some(self.need.adults)) } else { None };
        accompanied.or_else(|| self.in_rows(None))
    }

    /// The rows that the whole party may share: the row of the named seats, or all rows without named seats.
    fn single_rows(&self) -> Range<usize> {
        let mut rows = self.named.iter().map(|named| named.spot.row);
        match rows.next() {
            None => 0..self.layout.height(),
            Some(row) if rows.all(|other| other == row) => row..row + 1,
            Some(_) => 0..0,
        }
    }

    /// Whether all seats may be in this row.
    fn may_use(&self, row: usize) -> bool {
        !self.layout.is_exit(row) || self.need.seats <= self.need.exits
    }

    /// The named seats of a row, as bits.
    fn named_in(&self, row: usize) -> u32 {
        let here = self.named.iter().filter(|named| named.spot.row == row);
        here.fold(0, |mask, named| mask | named.spot.bit)
    }

    /// Rows in the order of the search, which `tie_break` rotates. The first of equal places wins.
    fn turned(&self, rows: Range<usize>) -> impl Iterator<Item = usize> + use<> {
        let height = self.layout.height();
        let first = self.tie_break.checked_rem(height).unwrap_or(0);
        (first..height).chain(0..first).filter(move |row| rows.contains(row))
    }

    /// The rows that the whole party may share, without rows that are equal to the one before.
    fn whole_rows(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let mut before = None;
        let rows = self.turned(self.single_rows()).filter(|row| self.may_use(*row));
        rows.map(|row| (row, self.named_in(row))).filter(move |(row, named)| {
            let like =
                Some((self.layout.columns(*row), self.free.row(*row), self.layout.is_exit(*row), *named));
            std::mem::replace(&mut before, like) != like
        })
    }

    /// The best run of neighbouring seats that includes the named ones.
    fn side_by_side(&self) -> Option<(usize, u32)> {
        let mut best = None;
        for (row, named) in self.whole_rows() {
            let free = self.free.row(row);
            let length = self.need.seats + named.count_ones() as usize;
            let exit = EXIT * i64::from(self.layout.is_exit(row));
            for block in self.layout.blocks(row) {
                let (usable, left) = ((free | named) & block, free & block);
                if (usable.count_ones() as usize) < length || named & !block != 0 {
                    continue;
                }
                let before = singles(left);
                let mut starts = (1..length).fold(usable, |starts, by| starts & (usable >> by));
                while starts != 0 {
                    let run = ((1_u32 << length) - 1) << starts.trailing_zeros();
                    starts &= starts - 1;
                    if named & !run != 0 {
                        continue;
                    }
                    let rest = left & !run;
                    let change = i64::from(singles(rest)) - i64::from(before);
                    let key = (exit + change * SINGLE, rest.count_ones());
                    if best.is_none_or(|(other, _, _)| key < other) {
                        best = Some((key, row, run & !named));
                    }
                }
            }
        }
        best.map(|(_, row, seats)| (row, seats))
    }

    /// The best seats of one row, across its aisles.
    fn in_a_row(&self) -> Option<(usize, u32)> {
        let mut best = None;
        for (row, named) in self.whole_rows() {
            let free = self.free.row(row);
            if (free.count_ones() as usize) < self.need.seats {
                continue;
            }
            let choices = Choices::of(self.layout.blocks(row), free, named, self.need.seats);
            let Some(pick) = choices.pick(self.need.seats) else { continue };
            let exit = EXIT * i64::from(self.layout.is_exit(row));
            let cost = exit + i64::from(pick.singles) * SINGLE + i64::from(pick.pieces);
            if best.is_none_or(|(other, _, _)| cost < other) {
                best = Some((cost, row, pick.seats));
            }
        }
        best.map(|(_, row, seats)| (row, seats))
    }

    /// The best place in the fewest adjacent rows. With `adults`, only places where this number suffices for an adult
    /// in each row that a child may get.
    fn in_rows(&self, adults: Option<usize>) -> Option<Vec<(usize, u32)>> {
        let rows = self.layout.height();
        let named = || self.named.iter().map(|named| named.spot.row);
        let (first, last) = (named().min().unwrap_or(rows.saturating_sub(1)), named().max().unwrap_or(0));
        let options = self.options();
        let (mut best, mut lowest) = (None, rows);
        for start in self.turned(0..first + 1) {
            let mut table = CheapestPicks::new(self.need, adults);
            for (end, option) in options.iter().enumerate().skip(start).take(lowest) {
                if let Some(option) = option {
                    table.add(option);
                }
                let Some(state) = table.complete().filter(|_| end >= last) else { continue };
                let key = (end - start, state.cost);
                if best.is_none_or(|(other, _)| key < other) {
                    best = Some((key, state));
                }
                lowest = end - start + 1;
                break;
            }
        }
        let (_, state) = best?;
        let seats = |(row, count): (u8, u8)| {
            let option = options[usize::from(row)].as_ref()?;
            Some((usize::from(row), option.choices.pick(usize::from(count))?.seats))
        };
        state.picks().map(seats).collect()
    }

    /// The options of each row; `None`: the row has no free seat.
    fn options(&self) -> Vec<Option<RowOption>> {
        let mut before: Option<((usize, u32, u32), Choices)> = None;
        let option = |row: usize| {
            let (free, named) = (self.free.row(row), self.named_in(row));
            if free == 0 {
                return None;
            }
            let like = (self.layout.columns(row), free, named);
            let choices = match before.take().filter(|(other, _)| *other == like) {
                Some((_, choices)) => choices,
                None => Choices::of(self.layout.blocks(row), free, named, self.need.seats),
            };
            before = Some((like, choices.clone()));
            let distance = self.named.iter().map(|named| named.spot.row.abs_diff(row)).min().unwrap_or(0);
            Some(RowOption {
                row: u8::try_from(row).ok()?,
                exit: self.layout.is_exit(row),
                company: named != 0 || self.need.seats == 1,
                guarded: self.named.iter().any(|named| named.adult && named.spot.row == row),
                distance: i64::try_from(distance).ok()?,
                choices,
            })
        };
        (0..self.layout.height()).map(option).collect()
    }
}

/// The options of a row for a party that needs several rows.
struct RowOption {
    row: u8,
    exit: bool,
    /// Whether no traveller of the party would be alone there.
    company: bool,
    /// Whether an adult has a named seat there.
    guarded: bool,
    /// Rows to the next named seat.
    distance: i64,
    choices: Choices,
}

impl RowOption {
    fn cost(&self, count: usize, pick: &Pick) -> i64 {
        let seats = i64::try_from(count).unwrap_or(0);
        let exits = if self.exit { seats * EXIT } else { 0 };
        let lonely = if count == 1 && !self.company { LONELY } else { 0 };
        let near = self.distance * seats * DISTANCE;
        exits + i64::from(pick.singles) * SINGLE + lonely + near + ROW + i64::from(pick.pieces)
    }

    /// The number of adults that `count` seats of the row need: all in an exit row, else one.
    fn binds(&self, count: usize) -> usize {
        match (self.exit, self.guarded) {
            (true, _) => count,
            (false, true) => 0,
            (false, false) => 1,
        }
    }
}

/// The cheapest way to a number of seats.
#[derive(Debug, Clone, Copy)]
struct CheapestPick {
    cost: i64,
    exits: usize,
    rows: usize,
    /// Rows with the numbers of seats taken there.
    picks: [(u8, u8); LARGEST],
}

impl CheapestPick {
    fn picks(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        self.picks[..self.rows].iter().copied()
    }
}

/// The cheapest ways to each number of seats, by the number of adults that they need.
struct CheapestPicks {
    seats: usize,
    exits: usize,
    /// The most adults; `None`: they do not matter.
    adults: Option<usize>,
    states: Vec<Option<CheapestPick>>,
}

impl CheapestPicks {
    fn new(need: &Need, adults: Option<usize>) -> Self {
        let width = adults.map_or(1, |adults| adults + 1);
        let mut states = vec![None; (need.seats + 1) * width];
        states[0] = Some(CheapestPick { cost: 0, exits: 0, rows: 0, picks: [(0, 0); LARGEST] });
        Self { seats: need.seats, exits: need.exits, adults, states }
    }

    fn width(&self) -> usize {
        self.adults.map_or(1, |adults| adults + 1)
    }

    /// Adds the options of a further row.
    fn add(&mut self, option: &RowOption) {
        let width = self.width();
        // From the highest number down, so that no way uses this row twice.
        for seats in (1..=self.seats).rev() {
            for count in 1..=seats {
                let Some(pick) = option.choices.pick(count) else { break };
                let binds = if self.adults.is_some() { option.binds(count) } else { 0 };
                for bound in binds..width {
                    let Some(state) = self.states[(seats - count) * width + bound - binds] else { continue };
                    let state = with(&state, option, count, &pick);
                    let place = &mut self.states[seats * width + bound];
                    let better = place.is_none_or(|other| state.cost < other.cost);
                    if better && state.exits <= self.exits {
                        *place = Some(state);
                    }
                }
            }
        }
    }

    /// The cheapest way to all seats.
    fn complete(&self) -> Option<CheapestPick> {
        let complete = &self.states[self.seats * self.width()..];
        complete.iter().flatten().min_by_key(|state| state.cost).copied()
    }
}

fn with(state: &CheapestPick, option: &RowOption, count: usize, pick: &Pick) -> CheapestPick {
    let mut picks = state.picks;
    picks[state.rows] = (option.row, u8::try_from(count).unwrap_or(u8::MAX));
    CheapestPick {
        cost: state.cost + option.cost(count, pick),
        exits: state.exits + if option.exit { count } else { 0 },
        rows: state.rows + 1,
        picks,
    }
}
