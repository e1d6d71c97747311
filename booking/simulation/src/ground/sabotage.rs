//! Faults that break a promise: the simulation must notice them.

/// A promise that is broken on purpose, to see that the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// All promises are kept.
    None,
    /// Seats are granted that belong to others, as if the unique constraint were gone.
    TakenSeatsAreGranted,
    /// The clock that decides whether a hold has ended is a quarter of an hour late.
    ClockIsLate,
}
