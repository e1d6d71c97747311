//! The best places of a cabin for a party: side by side, else in one row, else in as few adjacent rows
//! as will do.
//!
//! Places of equal rank are compared by what they cost others: exit rows are used last; then no seat is
//! left alone between taken ones where that can be helped; then nobody of the party sits alone in a
//! row; then what is near those who have named their seats. What is still equal is chosen by `tie_break`.

use crate::inventory::assignment::{
    LARGEST,
    layout::{CabinLayout, Occupancy, Spot},
    row::{Choices, Pick, singles},
};
use std::ops::Range;

/// What is looked for.
pub(crate) struct Need {
    /// Seats.
    pub(crate) seats: usize,
    /// How many of them may be in exit rows.
    pub(crate) exits: usize,
    /// Adults among those who need them.
    pub(crate) adults: usize,
    /// Whether children are among them.
    pub(crate) children: bool,
}

/// Where a member of the party sits who has named a seat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) spot: Spot,
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

/// Costs of a place, each more than all below it can sum up to.
const EXIT: i64 = 1 << 29;
const SINGLE: i64 = 1 << 22;
const LONELY: i64 = 1 << 18;
const DISTANCE: i64 = 1 << 8;
const ROW: i64 = 1 << 4;

impl Search<'_> {
    /// The seats of the best place: rows with the seats taken there, front to back.
    pub(crate) fn best(&self) -> Option<Vec<(usize, u32)>> {
        let found = self.side_by_side().or_else(|| self.in_a_row());
        if let Some(place) = found {
            return Some(vec![place]);
        }
        // Rather further apart than a child alone in a row.
        let accompanied = if self.need.children { self.in_rows(Some(self.need.adults)) } else { None };
        accompanied.or_else(|| self.in_rows(None))
    }

    /// The rows that a party of one row can have: that of the named seats, if there are some.
    fn single_rows(&self) -> Range<usize> {
        let mut rows = self.named.iter().map(|named| named.spot.row);
        match rows.next() {
            None => 0..self.layout.height(),
            Some(row) if rows.all(|other| other == row) => row..row + 1,
            Some(_) => 0..0,
        }
    }

    fn may_use(&self, row: usize) -> bool {
        !self.layout.is_exit(row) || self.need.seats <= self.need.exits
    }

    fn named_in(&self, row: usize) -> u32 {
        let here = self.named.iter().filter(|named| named.spot.row == row);
        here.fold(0, |mask, named| mask | named.spot.bit)
    }

    /// Rows in the order of the search: what comes first of equals is chosen.
    fn turned(&self, rows: Range<usize>) -> impl Iterator<Item = usize> + use<> {
        let height = self.layout.height();
        let first = self.tie_break.checked_rem(height).unwrap_or(0);
        (first..height).chain(0..first).filter(move |row| rows.contains(row))
    }

    /// The rows that the whole party may sit in, without those that are just as the one before.
    fn whole_rows(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let mut before = None;
        let rows = self.turned(self.single_rows()).filter(|row| self.may_use(*row));
        rows.map(|row| (row, self.named_in(row))).filter(move |(row, named)| {
            let like =
                Some((self.layout.columns(*row), self.free.row(*row), self.layout.is_exit(*row), *named));
            std::mem::replace(&mut before, like) != like
        })
    }

    /// Neighbours, those who have named their seats among them.
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

    /// One row, across its aisles.
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

    /// Adjacent rows, as few as will do. With `adults`, only places where these are enough for one in
    /// each row that a child may get.
    fn in_rows(&self, adults: Option<usize>) -> Option<Vec<(usize, u32)>> {
        let rows = self.layout.height();
        let named = || self.named.iter().map(|named| named.spot.row);
        let (first, last) = (named().min().unwrap_or(rows.saturating_sub(1)), named().max().unwrap_or(0));
        let options = self.options();
        let (mut best, mut lowest) = (None, rows);
        for start in self.turned(0..first + 1) {
            let mut table = Table::new(self.need, adults);
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

    /// What each row offers; `None` where nothing is free.
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

/// What a row offers to a party that needs several.
struct RowOption {
    row: u8,
    exit: bool,
    /// Nobody is alone there.
    company: bool,
    /// An adult has named a seat there.
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

    /// How many adults are bound when so many seats are taken: all in an exit row, else one.
    fn binds(&self, count: usize) -> usize {
        match (self.exit, self.guarded) {
            (true, _) => count,
            (false, true) => 0,
            (false, false) => 1,
        }
    }
}

/// The cheapest way to so many seats.
#[derive(Debug, Clone, Copy)]
struct State {
    cost: i64,
    exits: usize,
    rows: usize,
    /// Rows with how many seats are taken there.
    picks: [(u8, u8); LARGEST],
}

impl State {
    fn picks(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        self.picks[..self.rows].iter().copied()
    }
}

/// The cheapest ways to each number of seats, by the number of adults that they bind.
struct Table {
    seats: usize,
    exits: usize,
    /// Adults at most; `None`: they do not matter.
    adults: Option<usize>,
    states: Vec<Option<State>>,
}

impl Table {
    fn new(need: &Need, adults: Option<usize>) -> Self {
        let width = adults.map_or(1, |adults| adults + 1);
        let mut states = vec![None; (need.seats + 1) * width];
        states[0] = Some(State { cost: 0, exits: 0, rows: 0, picks: [(0, 0); LARGEST] });
        Self { seats: need.seats, exits: need.exits, adults, states }
    }

    fn width(&self) -> usize {
        self.adults.map_or(1, |adults| adults + 1)
    }

    /// Allows a further row.
    fn add(&mut self, option: &RowOption) {
        let width = self.width();
        // From above: what was reached with this row is not built upon with it again.
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
    fn complete(&self) -> Option<State> {
        let complete = &self.states[self.seats * self.width()..];
        complete.iter().flatten().min_by_key(|state| state.cost).copied()
    }
}

fn with(state: &State, option: &RowOption, count: usize, pick: &Pick) -> State {
    let mut picks = state.picks;
    picks[state.rows] = (option.row, u8::try_from(count).unwrap_or(u8::MAX));
    State {
        cost: state.cost + option.cost(count, pick),
        exits: state.exits + if option.exit { count } else { 0 },
        rows: state.rows + 1,
        picks,
    }
}
