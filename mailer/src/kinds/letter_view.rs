//! The parts of a booking as letters show them: ready-made texts.

use serde::Serialize;

/// A flight as letters show it.
#[derive(Serialize)]
pub(super) struct LetterFlight {
    pub(super) number: String,
    pub(super) from: LetterStation,
    pub(super) to: LetterStation,
    pub(super) departure: String,
    pub(super) arrival: String,
    pub(super) cabin: &'static str,
    pub(super) brand: &'static str,
}

/// An airport as letters show it.
#[derive(Serialize)]
pub(super) struct LetterStation {
    pub(super) iata: String,
    pub(super) city: String,
    pub(super) airport: String,
}

/// A passenger as letters show them.
#[derive(Serialize)]
pub(super) struct LetterPassenger {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) ticket_number: Option<String>,
    pub(super) seats: Vec<LetterSeat>,
}

/// A seat as letters show it.
#[derive(Serialize)]
pub(super) struct LetterSeat {
    pub(super) flight: String,
    pub(super) seat: String,
}
