//! The seats that a party gets: the named ones, and for the others seats together.
//!
//! The rules, the most important first:
//! 1. No traveller gets a seat that is taken, blocked, in another cabin, or in an exit row without permission.
//! 2. A party gets seats if there are enough.
//! 3. No child sits in a row without an adult of the party, unless all places would have one.
//! 4. The party, with its named seats, sits side by side; else in one row; else in the fewest adjacent rows.
//! 5. Exit rows are used last.
//! 6. No single free seat is left between taken ones, unless all places of equal rank would leave one.
//! 7. Children sit beside adults.
//!
//! The allocator runs it for each claim. So a cabin is a [`CabinLayout`] that is built once, and its free seats are an
//! [`Occupancy`] with one word for each row.
//!
//! | file | content |
//! |---|---|
//! | [`layout`] | the cabin, and its free seats |
//! | [`search`] | the best place for a party |
//! | [`row`] | the best seats of a row |
//! | [`people`] | the seats of the place among the travellers |

mod layout;
mod people;
mod row;
mod search;
#[cfg(test)]
mod tests;

pub(crate) use layout::{CabinLayout, Occupancy};

use people::Seats;
use search::{Named, Need, Search};
use shared_types::seat::SeatDesignator;

/// The most seats that one search looks for.
const LARGEST: usize = 9;

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

impl CabinLayout {
    /// Assigns a seat to each wish, in their order. At most nine wishes may name no seat. `tie_break` chooses among
    /// equally good places: different values keep allocators of several instances from proposing the same row. The same
    /// arguments always give the same seats.
    ///
    /// # Errors
    /// [`NoSeats`].
    pub(crate) fn assign(
        &self,
        free: &Occupancy,
        wishes: &[Wish],
        tie_break: usize,
    ) -> Result<Vec<SeatDesignator>, NoSeats> {
        let named = self.named(free, wishes)?;
        let without = || wishes.iter().filter(|wish| wish.named.is_none());
        let need = Need {
            seats: without().count(),
            exits: without().filter(|wish| wish.exit_allowed).count(),
            adults: without().filter(|wish| !wish.child).count(),
            children: without().any(|wish| wish.child),
        };
        let rest = free.without(named.iter().map(|named| named.spot));
        let found = match need.seats {
            0 => Vec::new(),
            1..=LARGEST if self.fits(&rest, &need) => {
                let search = Search { layout: self, free: &rest, named: &named, need: &need, tie_break };
                self.seat(&search.best().ok_or(NoSeats::Full)?, &named, wishes).ok_or(NoSeats::Full)?
            }
            _ => return Err(NoSeats::Full),
        };
        let mut found = found.into_iter();
        let seats: Vec<_> = wishes.iter().filter_map(|wish| wish.named.or_else(|| found.next())).collect();
        debug_assert_eq!(seats.len(), wishes.len(), "everybody has a seat");
        Ok(seats)
    }

    /// The places of the named seats, or their faults.
    fn named(&self, free: &Occupancy, wishes: &[Wish]) -> Result<Vec<Named>, NoSeats> {
        let (mut named, mut faults, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for (index, wish) in wishes.iter().enumerate() {
            let Some(seat) = wish.named else { continue };
            if let Some(fault) = self.fault(seat, wish.exit_allowed) {
                faults.push((index, fault));
                continue;
            }
            match self.spot(seat).filter(|spot| free.is_free(*spot)) {
                Some(spot) => named.push(Named { spot, adult: !wish.child }),
                None => taken.push(seat),
            }
        }
        if !faults.is_empty() {
            Err(NoSeats::Faults(faults))
        } else if !taken.is_empty() {
            Err(NoSeats::Taken(taken))
        } else {
            Ok(named)
        }
    }

    /// Whether the cabin has enough free seats, with enough outside of exit rows. If not, no search is needed.
    fn fits(&self, free: &Occupancy, need: &Need) -> bool {
        let exits = (0..self.height()).filter(|row| self.is_exit(*row));
        let exits: usize = exits.map(|row| free.row(row).count_ones() as usize).sum();
        let plain = free.count() as usize - exits;
        plain + exits.min(need.exits) >= need.seats
    }

    /// Gives the seats of the found rows to the wishes.
    fn seat(&self, rows: &[(usize, u32)], named: &[Named], wishes: &[Wish]) -> Option<Vec<SeatDesignator>> {
        let mut found = Vec::with_capacity(LARGEST);
        for (row, mut seats) in rows.iter().copied() {
            while seats != 0 {
                let bit = seats & seats.wrapping_neg();
                seats ^= bit;
                found.push(layout::Spot { row, bit });
            }
        }
        Seats { layout: self, found, named }.give(wishes)
    }
}
