//! Which seats a party gets: the named ones, and for the others seats together.
//!
//! In this order: nobody gets a seat that is taken, blocked, of another cabin, or beside an exit when
//! that is not allowed; whoever fits gets seats; no child sits in a row without an adult of the party
//! where that can be avoided; the party, with those who named their seats, sits side by side, else in
//! one row, else in as few adjacent rows as will do; exit rows are used last; no single free seats are
//! left between taken ones where other places are as good; children sit beside adults.
//!
//! It runs in the allocator for each claim, so a cabin is a [`CabinLayout`] that is built once, and what
//! is free of it an [`Occupancy`] of a word a row.
//!
//! | file | what |
//! |---|---|
//! | [`layout`] | the cabin, and what is free of it |
//! | [`search`] | the best place |
//! | [`row`] | the best seats of a row |
//! | [`people`] | who sits on which of them |

mod layout;
mod people;
mod row;
mod search;
#[cfg(test)]
mod tests;

pub use layout::{CabinLayout, Occupancy};

use people::Seats;
use search::{Named, Need, Search};
use shared_types::seat::SeatDesignator;

/// Seats that are looked for together at most.
const LARGEST: usize = 9;

/// What one traveller wants of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The seat that was chosen, if any.
    pub named: Option<SeatDesignator>,
    /// Whether the traveller may sit in an exit row.
    pub exit_allowed: bool,
    /// Whether the traveller is a child, and should sit beside an adult.
    pub child: bool,
}

/// Why a named seat cannot be had whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeatFault {
    #[error("the airplane has no such seat")]
    Unknown,
    #[error("is in another cabin")]
    Cabin,
    #[error("is blocked")]
    Blocked,
    #[error("is in an exit row, which children, and adults with an infant, may not use")]
    Exit,
}

/// Why a party gets no seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSeats {
    /// Faults of named seats, by the place of the wish.
    Faults(Vec<(usize, SeatFault)>),
    /// All named seats that others have.
    Taken(Vec<SeatDesignator>),
    /// Too few seats are left in the cabin for those who named none.
    Full,
}

impl CabinLayout {
    /// Assigns a seat to each wish, in their order; at most nine may be left to us. `tie_break` chooses
    /// between places that are equally good, so that allocators that do not know of each other do not
    /// all begin with the same row. The same arguments always give the same seats.
    pub fn assign(
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

    /// Where those sit who have named their seats.
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

    /// Whether there are seats enough, for those too who may not sit at an exit: without them there is
    /// no place to be searched for.
    fn fits(&self, free: &Occupancy, need: &Need) -> bool {
        let exits = (0..self.height()).filter(|row| self.is_exit(*row));
        let exits: usize = exits.map(|row| free.row(row).count_ones() as usize).sum();
        let plain = free.count() as usize - exits;
        plain + exits.min(need.exits) >= need.seats
    }

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
