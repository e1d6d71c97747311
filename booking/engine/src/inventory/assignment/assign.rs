//! Seats for a party: the named ones, and the best place for the others.

use crate::inventory::assignment::{
    layout::{CabinLayout, Occupancy, Spot},
    people::PartySeats,
    search::{Named, Need, Search},
    wish::{LARGEST, NoSeats, Wish},
};
use shared_types::seat::SeatDesignator;

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
        assert_eq!(seats.len(), wishes.len(), "everybody has a seat");
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
                found.push(Spot { row, bit });
            }
        }
        PartySeats { layout: self, found, named }.give(wishes)
    }
}
