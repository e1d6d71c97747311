//! What a request has done so far, and may not do next. It checks the engine's way of a request from outside.

use crate::ground::limits::ATTEMPTS;
use booking_engine::booking::refusal::{FlightSeat, Refusal};
use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
};

/// What a request has done so far.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    /// Reservations that the request has and has not released.
    open: Cell<u32>,
    /// An allocator has refused seats since the request looked its flights up.
    refused: Cell<bool>,
    /// The seats that its traveller has chosen.
    pub(crate) named: RefCell<HashSet<FlightSeat>>,
    /// Claims that the ledger has refused because assigned seats were lost, or flights had changed.
    lost: Cell<u32>,
    /// Whether that was the last answer, and no attempt has begun since.
    lost_last: Cell<bool>,
}

impl RequestLog {
    /// A flight is looked up: an attempt begins. No reservation of an attempt before is of use any more.
    pub(crate) fn looks_up(&self) -> Result<(), String> {
        self.lost_last.set(false);
        self.reloads()
    }

    /// A flight is read again.
    pub(crate) fn reloads(&self) -> Result<(), String> {
        self.refused.set(false);
        self.has_released("a flight is looked up")
    }

    /// Seats are to be reserved.
    pub(crate) fn reserves(&self) -> Result<(), String> {
        match self.refused.get() {
            true => self.has_released("an allocator is asked after another has refused"),
            false => Ok(()),
        }
    }

    /// An allocator has refused.
    pub(crate) fn was_refused(&self) {
        self.refused.set(true);
    }

    /// Seats are reserved.
    pub(crate) fn reserved(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// A reservation is released.
    pub(crate) fn released(&self) {
        self.open.set(self.open.get() - 1);
    }

    /// The ledger has answered a claim.
    pub(crate) fn claimed(&self, refusal: Option<&Refusal>) {
        let lost = match refusal {
            Some(Refusal::SeatTaken(seats)) => seats.iter().all(|seat| !self.named.borrow().contains(seat)),
            Some(Refusal::FlightChanged(_)) => true,
            _ => false,
        };
        self.lost_last.set(lost);
        self.lost.set(self.lost.get() + u32::from(lost));
    }

    /// No reservation is open.
    pub(crate) fn has_released(&self, when: &str) -> Result<(), String> {
        match self.open.get() {
            0 => Ok(()),
            open => Err(format!("{open} reservations were not released when {when}")),
        }
    }

    /// The request is refused: not after fewer attempts than are promised.
    pub(crate) fn gives_up(&self, refusal: &Refusal) -> Result<(), String> {
        let gave_up =
            matches!(refusal, Refusal::FlightFull | Refusal::FlightChanged(_) | Refusal::SeatTaken(_));
        match gave_up && self.lost_last.get() && self.lost.get() < ATTEMPTS {
            true => Err(format!("{refusal:?} was told after {} of {ATTEMPTS} attempts", self.lost.get())),
            false => Ok(()),
        }
    }
}
