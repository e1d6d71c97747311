//! The seats of a flight's passengers when another airplane flies: those who can keep their seats do, the others move
//! within their cabin.
//!
//! The rules, the most important first:
//! 1. Nobody is left without a seat: if a cabin has too few, nothing is changed at all.
//! 2. A passenger keeps a seat that the new plan has in the same cabin, that is not blocked, and that is not in an exit
//!    row which the passenger may not use. Where those who may not sit in an exit row would else have no seat, others leave
//!    theirs to them and move to exit rows.
//! 3. Parties stay together as the rules of [assignment](super::assignment) have it, with those of them who keep their
//!    seats.
//! 4. Others get the nearest seat.
//!
//! Rule 1 comes before rule 3: a party gets no seats that passengers who may not sit in an exit row will need. So as
//! long as the numbers suffice, everybody gets a seat, in whatever order the parties come.

use crate::{
    booking::record::Booking,
    inventory::assignment::{CabinLayout, Occupancy, Spot, Wish},
    passengers::party,
};
use shared_types::{
    ids::{BookingId, FlightId},
    seat::{Cabin, SeatDesignator, SeatPlan},
};
use std::cmp::Reverse;

/// The passengers of a booking who have seats on the flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatedParty {
    /// The booking.
    pub booking: BookingId,
    /// The booked cabin.
    pub cabin: Cabin,
    /// The position of each passenger in the booking, and the wish for the seat that the passenger has.
    pub travellers: Vec<(usize, Wish)>,
}

impl SeatedParty {
    /// The passengers of a booking on a flight; `None`: the booking does not have the flight.
    #[must_use]
    pub fn of(booking: &Booking, flight: FlightId) -> Option<Self> {
        let segment = booking.segment_on(flight)?;
        let mut travellers = party::wishes(&booking.passengers, segment);
        travellers.retain(|(_, wish)| wish.named.is_some());
        Some(Self { booking: booking.id, cabin: booking.segments[segment].cabin, travellers })
    }
}

/// A passenger's move to another seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatMove {
    /// The booking.
    pub booking: BookingId,
    /// The position of the passenger in the booking.
    pub passenger: usize,
    /// The seat that is gone.
    pub from: SeatDesignator,
    /// The new seat.
    pub to: SeatDesignator,
}

/// A cabin of the new plan has too few seats for its passengers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} has too few seats for its passengers")]
pub struct CabinTooSmall(pub Cabin);

/// Finds seats in a plan for the passengers whose present seats it does not have for them. Gives the moves.
///
/// # Errors
/// [`CabinTooSmall`], with the first such cabin.
pub fn reseat(parties: &[SeatedParty], plan: &SeatPlan) -> Result<Vec<SeatMove>, CabinTooSmall> {
    let mut moves = Vec::new();
    for cabin in Cabin::ALL {
        let of_cabin: Vec<_> = parties.iter().filter(|party| party.cabin == cabin).collect();
        if !of_cabin.is_empty() {
            moves.extend(CabinReseating::new(plan, cabin).run(&of_cabin)?);
        }
    }
    Ok(moves)
}

/// A party that is seated anew.
struct Displaced<'a> {
    booking: BookingId,
    /// Those who keep their seats.
    kept: Vec<&'a (usize, Wish)>,
    /// Those who need other seats.
    moving: Vec<&'a (usize, Wish)>,
}

impl Displaced<'_> {
    /// The number of those who may not sit in an exit row.
    fn bound(&self) -> usize {
        self.moving.iter().filter(|(_, wish)| !wish.exit_allowed).count()
    }
}

/// A cabin of the new plan while its passengers are seated.
struct CabinReseating {
    cabin: Cabin,
    layout: CabinLayout,
    free: Occupancy,
}

impl CabinReseating {
    fn new(plan: &SeatPlan, cabin: Cabin) -> Self {
        let layout = CabinLayout::new(plan, cabin);
        let free = Occupancy::all_free(&layout);
        Self { cabin, layout, free }
    }

    fn run(mut self, parties: &[&SeatedParty]) -> Result<Vec<SeatMove>, CabinTooSmall> {
        let mut displaced: Vec<_> = parties.iter().map(|party| self.keep(party)).collect();
        self.make_room(&mut displaced);
        displaced.retain(|party| !party.moving.is_empty());
        let mut bound: usize = displaced.iter().map(Displaced::bound).sum();
        let moving: usize = displaced.iter().map(|party| party.moving.len()).sum();
        if bound > self.free_seats(false) || moving > self.free.count() as usize {
            return Err(CabinTooSmall(self.cabin));
        }
        // Large parties first: they are the hardest to keep together.
        displaced.sort_by_key(|party| (Reverse(party.moving.len()), party.booking));
        let mut moves = Vec::with_capacity(moving);
        for party in displaced {
            bound -= party.bound();
            let together = self.together(&party, bound);
            moves.extend(together.or_else(|| self.apart(&party, bound)).ok_or(CabinTooSmall(self.cabin))?);
        }
        assert_eq!(moves.len(), moving, "everybody has a seat");
        Ok(moves)
    }

    /// Seats those of a party who keep their seats.
    fn keep<'a>(&mut self, party: &'a SeatedParty) -> Displaced<'a> {
        let keeps = |(_, wish): &&(usize, Wish)| {
            let place = wish.named.and_then(|seat| Some((self.layout.spot(seat)?, seat)));
            place.is_some_and(|(spot, seat)| {
                self.layout.fault(seat, wish.exit_allowed).is_none() && self.free.is_free(spot)
            })
        };
        type Travellers<'a> = Vec<&'a (usize, Wish)>;
        let (kept, moving): (Travellers<'a>, Travellers<'a>) = party.travellers.iter().partition(keeps);
        kept.iter().filter_map(|(_, wish)| wish.named).for_each(|seat| self.set(seat, false));
        Displaced { booking: party.booking, kept, moving }
    }

    /// Frees as many seats outside of exit rows as those lack who may not sit in one: passengers move who may. Parties that move
    /// anyway come first.
    fn make_room(&mut self, parties: &mut [Displaced<'_>]) {
        let bound: usize = parties.iter().map(Displaced::bound).sum();
        let mut lacking = bound.saturating_sub(self.free_seats(false));
        parties.sort_by_key(|party| party.moving.is_empty());
        for party in parties {
            let Displaced { kept, moving, .. } = party;
            kept.retain(|one| {
                let (_, wish) = one;
                let plain = wish.named.filter(|seat| wish.exit_allowed && !self.is_in_exit_row(*seat));
                let Some(seat) = plain.filter(|_| lacking > 0) else { return true };
                lacking -= 1;
                self.set(seat, true);
                moving.push(*one);
                false
            });
        }
    }

    fn is_in_exit_row(&self, seat: SeatDesignator) -> bool {
        self.layout.spot(seat).is_some_and(|spot| self.layout.is_exit(spot.row))
    }

    fn set(&mut self, seat: SeatDesignator, free: bool) {
        self.free.set(&self.layout, seat, free);
    }

    /// The number of free seats in exit rows, or outside of them.
    fn free_seats(&self, exit: bool) -> usize {
        let rows = (0..self.layout.height()).filter(|row| self.layout.is_exit(*row) == exit);
        rows.map(|row| self.free.row(row).count_ones() as usize).sum()
    }

    /// Seats a party together, with those who keep their seats. `bound`: the number of passengers of later parties who
    /// may not sit in an exit row. `None`: it takes too many seats from them, or there is only one passenger, who is
    /// better off near the seat that is gone.
    fn together(&mut self, party: &Displaced<'_>, bound: usize) -> Option<Vec<SeatMove>> {
        if party.kept.len() + party.moving.len() < 2 {
            return None;
        }
        let kept = || party.kept.iter().filter_map(|(_, wish)| wish.named);
        let mut free = self.free.clone();
        kept().for_each(|seat| free.set(&self.layout, seat, true));
        let moving = party.moving.iter().map(|(_, wish)| Wish { named: None, ..*wish });
        let wishes: Vec<Wish> = party.kept.iter().map(|(_, wish)| *wish).chain(moving).collect();
        let seats = self.layout.assign(&free, &wishes, self.first_row(party)).ok()?;
        let moves: Vec<_> = party.moves(seats.into_iter().skip(party.kept.len())).collect();
        moves.iter().for_each(|one| self.set(one.to, false));
        if self.free_seats(false) >= bound {
            return Some(moves);
        }
        moves.iter().for_each(|one| self.set(one.to, true));
        None
    }

    /// The row from which a search begins: the nearest to the seats of the party.
    fn first_row(&self, party: &Displaced<'_>) -> usize {
        let seat = party.moving.first().and_then(|(_, wish)| wish.named);
        let distance = |row: &usize| {
            let here = self.any_seat(*row);
            seat.zip(here).map_or(u8::MAX, |(seat, here)| here.row().abs_diff(seat.row()))
        };
        (0..self.layout.height()).min_by_key(distance).unwrap_or(0)
    }

    /// A seat of a row, for the row's number.
    fn any_seat(&self, row: usize) -> Option<SeatDesignator> {
        self.layout.designator(Spot { row, bit: 1 })
    }

    /// Seats the passengers of a party one by one, each near the seat that is gone. `bound` as in
    /// [`together`](Self::together).
    fn apart(&mut self, party: &Displaced<'_>, bound: usize) -> Option<Vec<SeatMove>> {
        let mut bound = bound + party.bound();
        let mut seats = vec![None; party.moving.len()];
        let mut order: Vec<_> = party.moving.iter().enumerate().collect();
        order.sort_by_key(|(_, (_, wish))| wish.exit_allowed);
        for (place, (_, wish)) in order {
            let seat = if wish.exit_allowed {
                let spare = self.free_seats(false) > bound;
                let plain = spare.then(|| self.nearest(wish.named, false)).flatten();
                plain.or_else(|| self.nearest(wish.named, true))?
            } else {
                bound -= 1;
                self.nearest(wish.named, false)?
            };
            self.set(seat, false);
            seats[place] = Some(seat);
        }
        Some(party.moves(seats.into_iter().flatten()).collect())
    }

    /// The free seat that is nearest to a seat: by row, then by letter; in an exit row, or outside of them.
    fn nearest(&self, seat: Option<SeatDesignator>, exit: bool) -> Option<SeatDesignator> {
        let rows = (0..self.layout.height()).filter(|row| self.layout.is_exit(*row) == exit);
        let spots = rows.flat_map(|row| {
            let free = self.free.row(row);
            (0..u32::BITS)
                .map(move |place| 1 << place)
                .filter(move |bit| free & bit != 0)
                .map(move |bit| (row, bit))
        });
        let seats = spots.filter_map(|(row, bit)| self.layout.designator(Spot { row, bit }));
        seats.min_by_key(|one| {
            let apart = |seat: SeatDesignator| {
                let letters = (one.letter() as u32).abs_diff(seat.letter() as u32);
                (one.row().abs_diff(seat.row()), letters)
            };
            (seat.map(apart), *one)
        })
    }
}

impl Displaced<'_> {
    /// The moves of the passengers to these seats, in their order.
    fn moves(&self, seats: impl Iterator<Item = SeatDesignator>) -> impl Iterator<Item = SeatMove> {
        self.moving.iter().zip(seats).filter_map(|((passenger, wish), to)| {
            Some(SeatMove { booking: self.booking, passenger: *passenger, from: wish.named?, to })
        })
    }
}

#[cfg(test)]
#[path = "reseating_tests.rs"]
mod tests;
