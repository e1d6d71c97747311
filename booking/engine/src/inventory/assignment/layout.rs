//! The seats of a cabin as bits, so that the search for seats is arithmetic.

use crate::inventory::assignment::SeatFault;
use shared_types::seat::{Cabin, CabinSection, SeatDesignator, SeatPlan};

/// A place in the table of rows that stands for no row.
const NO_ROW: u8 = u8::MAX;

/// The columns that a run of rows has. Bit 0 is the seat at the left wall.
#[derive(Debug, Clone)]
struct Columns {
    letters: Vec<char>,
    /// The groups between aisles, left to right.
    blocks: Vec<u32>,
}

/// A row of a cabin.
#[derive(Debug, Clone)]
struct Row {
    number: u8,
    exit: bool,
    /// Which of the columns it has.
    columns: usize,
    /// All its seats but the blocked ones.
    sellable: u32,
}

/// The geometry of a cabin; built once for a flight, as long as its seat plan stays.
#[derive(Debug, Clone)]
pub struct CabinLayout {
    columns: Vec<Columns>,
    /// Front to back.
    rows: Vec<Row>,
    /// The places of rows, by their number.
    places: [u8; 100],
    /// Rows and letters of all sections of the airplane: tells another cabin's seats from none.
    airplane: Vec<([u8; 2], u32)>,
}

/// A seat of a cabin: the place of its row, and its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    pub row: usize,
    pub bit: u32,
}

impl CabinLayout {
    /// The cabin of a plan; without rows where the plan has no such cabin.
    pub fn new(plan: &SeatPlan, cabin: Cabin) -> Self {
        let airplane = plan.cabins.iter().map(|section| (section.rows, letters(section))).collect();
        let mut layout = Self { columns: Vec::new(), rows: Vec::new(), places: [NO_ROW; 100], airplane };
        for section in plan.cabins.iter().filter(|section| section.cabin == cabin) {
            layout.columns.push(Columns::of(section));
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
            self.rows.push(Row { number, exit: plan.exit_rows.contains(&number), columns, sellable });
        }
    }

    /// How many rows there are.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// Whether a row is beside an exit.
    pub fn is_exit(&self, row: usize) -> bool {
        self.rows[row].exit
    }

    /// Which columns a row has: rows of one kind have the same number.
    pub fn columns(&self, row: usize) -> usize {
        self.rows[row].columns
    }

    /// The groups of a row between aisles.
    pub fn blocks(&self, row: usize) -> &[u32] {
        &self.columns[self.rows[row].columns].blocks
    }

    /// Where a seat of this cabin is.
    pub fn spot(&self, seat: SeatDesignator) -> Option<Spot> {
        let row = *self.places.get(usize::from(seat.row()))?;
        let row = usize::from(row);
        let bit = self.columns[self.rows.get(row)?.columns].bit(seat.letter());
        (bit != 0).then_some(Spot { row, bit })
    }

    /// The name of a seat.
    pub fn designator(&self, spot: Spot) -> Option<SeatDesignator> {
        let row = self.rows.get(spot.row)?;
        let letter = self.columns[row.columns].letters.get(spot.bit.trailing_zeros() as usize)?;
        SeatDesignator::new(row.number, *letter)
    }

    /// Why a seat cannot be had by somebody whoever has it.
    pub fn fault(&self, seat: SeatDesignator, exit_allowed: bool) -> Option<SeatFault> {
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

impl Columns {
    fn of(section: &CabinSection) -> Self {
        let (mut blocks, mut first) = (Vec::new(), 0);
        for block in section.columns.blocks() {
            blocks.push(((1_u32 << block.len()) - 1) << first);
            first += block.len();
        }
        Self { letters: section.columns.letters().collect(), blocks }
    }

    /// The bit of a letter; 0 where there is none.
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

/// Which seats of a cabin nobody has: a word a row. Blocked seats are never free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupancy(Vec<u32>);

impl Occupancy {
    /// Everything that can be sold is free.
    pub fn all_free(layout: &CabinLayout) -> Self {
        Self(layout.rows.iter().map(|row| row.sellable).collect())
    }

    /// Notes whether a seat is free. Seats of other cabins, and blocked ones, are passed over.
    pub fn set(&mut self, layout: &CabinLayout, seat: SeatDesignator, free: bool) {
        let Some(spot) = layout.spot(seat) else { return };
        match free {
            true => self.0[spot.row] |= spot.bit & layout.rows[spot.row].sellable,
            false => self.0[spot.row] &= !spot.bit,
        }
    }

    /// How many seats are free.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|row| row.count_ones()).sum()
    }

    pub fn row(&self, row: usize) -> u32 {
        self.0[row]
    }

    pub fn is_free(&self, spot: Spot) -> bool {
        self.0[spot.row] & spot.bit != 0
    }

    pub fn without(&self, spots: impl Iterator<Item = Spot>) -> Self {
        let mut rest = self.clone();
        spots.for_each(|spot| rest.0[spot.row] &= !spot.bit);
        rest
    }
}
