//! The transactional outbox, its relay, the inbox, and dead letters.
//!
//! Every service's schema has the same four tables (`migrations/shared`).

mod append;
mod dead_letters;
mod housekeeping;
mod inbox;
mod lane;
mod pending;
mod relay;
mod schema;

pub use append::append;
pub use dead_letters::DeadLetters;
pub use inbox::first_time;
pub use relay::{Relay, RelayHandle, RelayIntervals};
