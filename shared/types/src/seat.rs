//! Seats: designators, cabins and the geometry of seat layouts.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::Error as _};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// A cabin of an airplane, from the back to the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cabin {
    /// Economy, `Y`.
    Economy,
    /// Premium economy, `W`.
    PremiumEconomy,
    /// Business, `J`.
    Business,
    /// First, `F`.
    First,
}

impl Cabin {
    /// All cabins, from the back to the front.
    pub const ALL: [Self; 4] = [Self::Economy, Self::PremiumEconomy, Self::Business, Self::First];

    /// The name on the wire, `premium_economy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Economy => "economy",
            Self::PremiumEconomy => "premium_economy",
            Self::Business => "business",
            Self::First => "first",
        }
    }

    /// The letter that airlines print, `Y`, `W`, `J` or `F`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Economy => 'Y',
            Self::PremiumEconomy => 'W',
            Self::Business => 'J',
            Self::First => 'F',
        }
    }
}

impl FromStr for Cabin {
    type Err = InvalidSeat;

    fn from_str(text: &str) -> Result<Self, InvalidSeat> {
        Self::ALL.into_iter().find(|cabin| cabin.as_str() == text).ok_or(InvalidSeat::Cabin)
    }
}

impl fmt::Display for Cabin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no seat, cabin or column plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSeat {
    /// Not one of the four cabins.
    #[error("must be economy, premium_economy, business or first")]
    Cabin,
    /// Not a row and a letter.
    #[error("must be a row without leading zeros and a letter other than I, such as 12A")]
    Designator,
    /// Not a plan such as `ABC|DEF`.
    #[error("must be distinct capital letters in order, other than I, with | for aisles, such as ABC|DEF")]
    Columns,
}

/// A seat of an airplane: a row (1-99) without leading zeros and a letter other than `I`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatDesignator {
    row: u8,
    letter: u8,
}

impl SeatDesignator {
    /// A designator from its parts, `None` where they name no seat.
    #[must_use]
    pub fn new(row: u8, letter: char) -> Option<Self> {
        let valid = (1..=99).contains(&row) && letter.is_ascii_uppercase() && letter != 'I';
        valid.then_some(Self { row, letter: letter as u8 })
    }

    /// The row, 1-99.
    #[must_use]
    pub fn row(self) -> u8 {
        self.row
    }

    /// The letter, `A`-`Z` without `I`.
    #[must_use]
    pub fn letter(self) -> char {
        self.letter as char
    }

    /// A compact number, unique per seat and ordered as seats are: row * 32 + letter. For storage.
    #[must_use]
    pub fn to_number(self) -> i16 {
        i16::from(self.row) * 32 + i16::from(self.letter - b'A')
    }

    /// The seat of a [`Self::to_number`].
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        let letter = char::from(b'A' + u8::try_from(number.rem_euclid(32)).ok()?);
        Self::new(u8::try_from(number / 32).ok()?, letter)
    }
}

impl FromStr for SeatDesignator {
    type Err = InvalidSeat;

    fn from_str(text: &str) -> Result<Self, InvalidSeat> {
        let letter = text.chars().last().filter(char::is_ascii_uppercase).ok_or(InvalidSeat::Designator)?;
        let row = &text[..text.len() - 1];
        let plain = !row.starts_with('0') && row.bytes().all(|byte| byte.is_ascii_digit());
        let row = row.parse().ok().filter(|_| plain).ok_or(InvalidSeat::Designator)?;
        Self::new(row, letter).ok_or(InvalidSeat::Designator)
    }
}

impl fmt::Display for SeatDesignator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.row, self.letter())
    }
}

impl Serialize for SeatDesignator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Without the machinery of formatting: an event names all seats that are not free.
        let text = [b'0' + self.row / 10, b'0' + self.row % 10, self.letter];
        let text = if self.row < 10 { &text[1..] } else { &text[..] };
        serializer.serialize_str(std::str::from_utf8(text).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for SeatDesignator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The letters of a cabin's rows with `|` for each aisle: `ABC|DEF`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(example = "ABC|DEF")]
pub struct Columns(String);

/// Where in its row a seat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatPosition {
    /// At a cabin wall.
    pub window: bool,
    /// Beside an aisle.
    pub aisle: bool,
}

impl Columns {
    /// The plan as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The letters from left to right, without aisles.
    pub fn letters(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars().filter(|letter| *letter != '|')
    }

    /// The groups of adjacent seats between aisles, left to right.
    pub fn blocks(&self) -> impl Iterator<Item = &str> {
        self.0.split('|')
    }

    /// Where the letter's seat is in the row; `None` for a letter that the plan lacks.
    #[must_use]
    pub fn position(&self, letter: char) -> Option<SeatPosition> {
        let index = self.0.find(letter).filter(|_| letter != '|')?;
        let is_aisle = |at: Option<usize>| at.and_then(|at| self.0.as_bytes().get(at)) == Some(&b'|');
        Some(SeatPosition {
            window: index == 0 || index + 1 == self.0.len(),
            aisle: is_aisle(index.checked_sub(1)) || is_aisle(Some(index + 1)),
        })
    }
}

impl FromStr for Columns {
    type Err = InvalidSeat;

    fn from_str(text: &str) -> Result<Self, InvalidSeat> {
        let letters: Vec<char> = text.chars().filter(|letter| *letter != '|').collect();
        let valid = letters.iter().all(|letter| letter.is_ascii_uppercase() && *letter != 'I')
            && letters.windows(2).all(|pair| pair[0] < pair[1])
            && text.split('|').all(|block| !block.is_empty());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSeat::Columns) }
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A run of rows with one plan of columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CabinSection {
    /// The cabin. A cabin may have several sections.
    pub cabin: Cabin,
    /// First and last row.
    pub rows: [u8; 2],
    /// The letters of each row.
    pub columns: Columns,
}

/// The geometry of a layout: which seats there are, in which cabin, and which are special.
// Without `deny_unknown_fields`: a seat layout has the members of its plan beside its own, and its schema would refuse
// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatPlan {
    /// Sections from the front to the back.
    pub cabins: Vec<CabinSection>,
    /// Rows beside an emergency exit.
    pub exit_rows: Vec<u8>,
    /// Seats that are never sold.
    #[schema(value_type = Vec<String>)]
    pub blocked_seats: Vec<SeatDesignator>,
}

impl CabinSection {
    /// Its rows.
    fn rows(&self) -> impl Iterator<Item = u8> {
        (self.rows[0]..=self.rows[1]).filter(|row| SeatDesignator::new(*row, 'A').is_some())
    }
}

impl SeatPlan {
    /// All seats with their cabin, from the front to the back, left to right.
    pub fn seats(&self) -> impl Iterator<Item = (SeatDesignator, Cabin)> + '_ {
        self.cabins.iter().flat_map(|section| {
            (section.rows[0]..=section.rows[1]).flat_map(move |row| {
                section.columns.letters().filter_map(move |letter| {
                    SeatDesignator::new(row, letter).map(|seat| (seat, section.cabin))
                })
            })
        })
    }

    /// The section of a seat; `None` where the airplane has no such seat.
    #[must_use]
    pub fn section(&self, seat: SeatDesignator) -> Option<&CabinSection> {
        self.cabins.iter().find(|section| {
            (section.rows[0]..=section.rows[1]).contains(&seat.row())
                && section.columns.position(seat.letter()).is_some()
        })
    }

    /// Seats of the cabin, blocked ones included.
    #[must_use]
    pub fn capacity(&self, cabin: Cabin) -> usize {
        let sections = self.cabins.iter().filter(|section| section.cabin == cabin);
        sections.map(|section| section.rows().count() * section.columns.letters().count()).sum()
    }

    /// Seats of the cabin that can be sold: all but the blocked ones.
    #[must_use]
    pub fn sellable(&self, cabin: Cabin) -> usize {
        let is_here = |seat: &SeatDesignator| self.section(*seat).is_some_and(|of| of.cabin == cabin);
        let blocked = self.blocked_seats.iter().enumerate();
        let blocked = blocked.filter(|(at, seat)| is_here(seat) && !self.blocked_seats[..*at].contains(seat));
        self.capacity(cabin) - blocked.count()
    }

    /// The cabins that the plan has, each once, from the front to the back.
    #[must_use]
    pub fn cabin_names(&self) -> Vec<Cabin> {
        let mut names = Vec::new();
        for section in &self.cabins {
            if !names.contains(&section.cabin) {
                names.push(section.cabin);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(text: &str) -> SeatDesignator {
        text.parse().unwrap()
    }

    #[test]
    fn designators_round_trip() {
        for text in ["1A", "12F", "58K"] {
            assert_eq!(seat(text).to_string(), text);
            assert_eq!(SeatDesignator::from_number(seat(text).to_number()), Some(seat(text)));
            assert_eq!(serde_json::to_value(seat(text)).unwrap(), text);
        }
        for text in ["", "A", "0A", "01A", "12", "12I", "12a", "100A", "12AB", "12É", "+1A", "-1A"] {
            assert!(text.parse::<SeatDesignator>().is_err(), "{text:?}");
        }
        assert!(seat("9F") < seat("10A"), "seats sort by row first");
    }

    #[test]
    fn columns_tell_windows_and_aisles() {
        let columns: Columns = "ABC|DEG|HJK".parse().unwrap();
        let at = |letter| columns.position(letter).map(|at| (at.window, at.aisle));
        assert_eq!(at('A'), Some((true, false)));
        assert_eq!(at('C'), Some((false, true)));
        assert_eq!(at('E'), Some((false, false)));
        assert_eq!(at('K'), Some((true, false)));
        assert_eq!(at('Z'), None);
        for text in ["", "|ABC", "ABC||DEF", "AA", "BA", "AI", "abc"] {
            assert!(text.parse::<Columns>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_plan_counts_its_seats_by_cabin() {
        let section =
            |cabin, rows, columns: &str| CabinSection { cabin, rows, columns: columns.parse().unwrap() };
        let plan = SeatPlan {
            cabins: vec![
                section(Cabin::Business, [1, 3], "AC|DF"),
                section(Cabin::Economy, [4, 26], "ABC|DEF"),
            ],
            exit_rows: vec![10, 11],
            // One twice, and one that the airplane does not have.
            blocked_seats: ["1A", "26F", "4A", "26F", "3B"].map(seat).to_vec(),
        };
        assert_eq!(plan.seats().count(), 150);
        assert_eq!((plan.capacity(Cabin::Business), plan.sellable(Cabin::Business)), (12, 11));
        assert_eq!((plan.capacity(Cabin::Economy), plan.sellable(Cabin::Economy)), (138, 136));
        assert_eq!((plan.capacity(Cabin::First), plan.sellable(Cabin::First)), (0, 0));
        assert_eq!(plan.section(seat("3B")), None);
        assert_eq!(plan.section(seat("4B")).map(|section| section.cabin), Some(Cabin::Economy));
        assert_eq!(plan.cabin_names(), [Cabin::Business, Cabin::Economy]);
    }
}
