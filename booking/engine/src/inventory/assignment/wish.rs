//! What a party wishes of the seats of a cabin, and why it may not have them.

use shared_types::seat::SeatDesignator;

/// The most seats that one search looks for.
pub(crate) const LARGEST: usize = 9;

/// A traveller's wish for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The chosen seat; `None`: any seat will do.
    pub named: Option<SeatDesignator>,
    /// Whether the traveller may sit in an exit row.
    pub exit_allowed: bool,
    /// Whether the traveller is a child, and should sit beside an adult.
    pub child: bool,
}

/// The reason why a traveller may not have a named seat, even if it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeatFault {
    /// The seat does not exist.
    #[error("the airplane has no such seat")]
    Unknown,
    /// The seat belongs to another cabin.
    #[error("is in another cabin")]
    Cabin,
    /// The seat is never sold.
    #[error("is blocked")]
    Blocked,
    /// The traveller may not sit in an exit row.
    #[error("is in an exit row, which children, and adults with an infant, may not use")]
    Exit,
}

/// The reason why a party gets no seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoSeats {
    /// Faults of named seats, after the position of the wish.
    Faults(Vec<(usize, SeatFault)>),
    /// The named seats that are not free.
    Taken(Vec<SeatDesignator>),
    /// The cabin has too few free seats for the travellers without a named one.
    Full,
}
