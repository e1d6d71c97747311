//! What must be true of the tables at any instant, under any load. Each invariant is one statement that finds its
//! violations. `docs/invariants.md` lists the invariants with their reasons.
//!
//! The statements read the tables alone. Where they can, they compare two records of the same thing that are kept
//! apart (the rows of `seats` and the passengers, the books and the provider's log), so that a fault of the engine
//! cannot hide itself. All statements see one snapshot, so a check can run beside any load.
//!
//! | file | what |
//! |---|---|
//! | `check` | runs the statements |
//! | `parts` | the two halves of a check, with the topics and the tables of each |
//! | `prepared` | the temporary tables that many statements read |
//! | `report` | the outcome |
//! | `statement` | the type of an invariant, and the macros that declare them |
//! | the others | the invariants of one topic |

mod bookings;
mod books;
mod check;
mod events;
mod inventory;
mod keys;
mod locators;
mod parts;
mod payments;
mod plans;
mod prepared;
mod provider;
mod report;
mod seats;
mod statement;
mod travellers;

pub use check::{check, check_within};
pub use parts::names;
pub use report::{BrokenInvariant, InvariantReport, Violation};
