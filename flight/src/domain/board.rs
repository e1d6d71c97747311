//! The board of an airport.

use std::str::FromStr;

/// Which flights of an airport a board shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BoardDirection {
    /// Those that leave on the local date, late ones among them whose plan was another date.
    #[default]
    Departures,
    /// Those that land on the local date.
    Arrivals,
}

/// A text that is no direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be departures or arrivals")]
pub struct UnknownDirection;

impl FromStr for BoardDirection {
    type Err = UnknownDirection;

    fn from_str(text: &str) -> Result<Self, UnknownDirection> {
        match text {
            "departures" => Ok(Self::Departures),
            "arrivals" => Ok(Self::Arrivals),
            _ => Err(UnknownDirection),
        }
    }
}
