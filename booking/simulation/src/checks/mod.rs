//! What must be true, looked at after every commit. Each look costs as much as was changed.
//!
//! By induction over the commits: a booking that a traveller was told of keeps its seats, until a transition that is
//! allowed ends it. The checks count seats by the passengers of live bookings, apart from the table of seats. Both must
//! agree.

mod amendments;
mod cancellations;
mod carried_commands;
mod check_result;
mod invariants;
mod money;
mod rest;
mod stored_bookings;
mod transitions;

pub(crate) use cancellations::check_quote;
pub(crate) use carried_commands::CarriedCommands;
pub(crate) use invariants::Invariants;
