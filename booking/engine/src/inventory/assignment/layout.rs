//! The seats of a cabin as bits, so that the search for seats is arithmetic.

use crate::inventory::assignment::SeatFault;
use shared_types::seat::{Cabin, CabinSection, SeatDesignator, SeatPlan};

/// The entry in the table of rows that stands for no row.
const NO_ROW: u8 = u8::MAX;

/// The columns of a run of rows. Bit 0 is the seat at the left wall.
#[derive(Debug, Clone)]
struct SectionColumns {
    letters: Vec<char>,
    /// The groups between aisles, left to right.
    blocks: Vec<u32>,
}

/// A row of a cabin.
#[derive(Debug, Clone)]
struct CabinRow {
    number: u8,
    exit: bool,
    /// The position of its columns in the layout.
    columns: usize,
    /// All its seats but the blocked ones.
    sellable: u32,
}

/// The geometry of a cabin. It is built once for each version of a flight.
#[derive(Debug, Clone)]
pub(crate) struct CabinLayout {
    columns: Vec<SectionColumns>,
    /// Front to back.
    rows: Vec<CabinRow>,
    /// The positions of rows, by their number.
    places: [u8; 100],
    /// Rows and letters of all sections of the airplane: distinguishes seats of other cabins from seats that do not
    /// exist.
    airplane: Vec<([u8; 2], u32)>,
}

/// A seat of a cabin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The position of its row, front to back.
    pub(crate) row: usize,
    /// Its bit in the word of the row.
    pub(crate) bit: u32,
}

impl CabinLayout {
    /// The layout of a cabin of a plan. It has no rows if the plan lacks the cabin.
    pub(crate) fn new(plan: &SeatPlan, cabin: Cabin) -> Self {
        let airplane = plan.cabins.iter().map(|section| (section.rows, letters(section))).collect();
        let mut layout = Self { columns: Vec::new(), rows: Vec::new(), places: [NO_ROW; 100], airplane };
        for section in plan.cabins.iter().filter(|section| section.cabin == cabin) {
            layout.columns.push(SectionColumns::of(section));
            for number in section.rows[0]..=section.rows[1] {
                layout.add_row(plan, number);
            }
        }
        layout
    }

    fn add_row(&mut self, plan: &SeatPlan, number: u8) {
        let columns = self.columns.len() - 1;
        let blocked = plan.blocked_seats.iter().filter(|seat| seat.row() == number);
        let blocked = blocked.fold(0, |mask, seat| mask | self.columns[columns].bit(seat.letter()));
        let sellable = self.columns[columns].blocks.iter().fold(0, |mask, block| mask | block) & !blocked;
        if let (Some(place), Ok(row)) =
            (self.places.get_mut(usize::from(number)), u8::try_from(self.rows.len()))
        {
            *place = row;
            self.rows.push(CabinRow { number, exit: plan.exit_rows.contains(&number), columns, sellable });
        }
    }

    /// The number of rows.
    pub(crate) fn height(&self) -> usize {
        self.rows.len()
    }

    /// Whether a row is an exit row.
    pub(crate) fn is_exit(&self, row: usize) -> bool {
        self.rows[row].exit
    }

    /// The kind of a row's columns: rows with equal columns have the same number.
    pub(crate) fn columns(&self, row: usize) -> usize {
        self.rows[row].columns
    }

    /// The groups of a row between aisles, as bits.
    pub(crate) fn blocks(&self, row: usize) -> &[u32] {
        &self.columns[self.rows[row].columns].blocks
    }

    /// The place of a seat; `None`: the cabin does not have it.
    pub(crate) fn spot(&self, seat: SeatDesignator) -> Option<Spot> {
        let row = *self.places.get(usize::from(seat.row()))?;
        let row = usize::from(row);
        let bit = self.columns[self.rows.get(row)?.columns].bit(seat.letter());
        (bit != 0).then_some(Spot { row, bit })
    }

    /// The designator of a seat.
    pub(crate) fn designator(&self, spot: Spot) -> Option<SeatDesignator> {
        let row = self.rows.get(spot.row)?;
        let letter = self.columns[row.columns].letters.get(spot.bit.trailing_zeros() as usize)?;
        SeatDesignator::new(row.number, *letter)
    }

    /// The reason why a traveller may not have a seat, even if it is free; `None`: there is none.
    pub(crate) fn fault(&self, seat: SeatDesignator, exit_allowed: bool) -> Option<SeatFault> {
        let Some(spot) = self.spot(seat) else {
            let letter = letter_bit(seat.letter());
            let exists = |(rows, letters): &([u8; 2], u32)| {
                (rows[0]..=rows[1]).contains(&seat.row()) && letters & letter != 0
            };
            return Some(match self.airplane.iter().any(exists) {
                true => SeatFault::Cabin,
                false => SeatFault::Unknown,
            });
        };
        let row = &self.rows[spot.row];
        if row.sellable & spot.bit == 0 {
            Some(SeatFault::Blocked)
        } else {
            (row.exit && !exit_allowed).then_some(SeatFault::Exit)
        }
    }
}

impl SectionColumns {
    fn of(section: &CabinSection) -> Self {
        let (mut blocks, mut first) = (Vec::new(), 0);
        for block in section.columns.blocks() {
            blocks.push(((1_u32 << block.len()) - 1) << first);
            first += block.len();
        }
        Self { letters: section.columns.letters().collect(), blocks }
    }

    /// The bit of a letter; 0 if there is no such column.
    fn bit(&self, letter: char) -> u32 {
        self.letters.iter().position(|one| *one == letter).map_or(0, |place| 1 << place)
    }
}

fn letter_bit(letter: char) -> u32 {
    1 << (letter as u32 - 'A' as u32)
}

fn letters(section: &CabinSection) -> u32 {
    section.columns.letters().fold(0, |mask, letter| mask | letter_bit(letter))
}

/// The free seats of a cabin, one word for each row. Blocked seats are never free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occupancy(Vec<u32>);

impl Occupancy {
    /// All seats that can be sold are free.
    pub(crate) fn all_free(layout: &CabinLayout) -> Self {
        Self(layout.rows.iter().map(|row| row.sellable).collect())
    }

    /// Records whether a seat is free. Ignores seats of other cabins and blocked ones.
    pub(crate) fn set(&mut self, layout: &CabinLayout, seat: SeatDesignator, free: bool) {
        let Some(spot) = layout.spot(seat) else { return };
        match free {
            true => self.0[spot.row] |= spot.bit & layout.rows[spot.row].sellable,
            false => self.0[spot.row] &= !spot.bit,
        }
    }

    /// The number of free seats.
    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|row| row.count_ones()).sum()
    }

    /// The free seats of a row, as bits.
    pub(crate) fn row(&self, row: usize) -> u32 {
        self.0[row]
    }

    /// Whether a seat is free.
    pub(crate) fn is_free(&self, spot: Spot) -> bool {
        self.0[spot.row] & spot.bit != 0
    }

    /// The free seats without these.
    pub(crate) fn without(&self, spots: impl Iterator<Item = Spot>) -> Self {
        let mut rest = self.clone();
        spots.for_each(|spot| rest.0[spot.row] &= !spot.bit);
        rest
    }
}
