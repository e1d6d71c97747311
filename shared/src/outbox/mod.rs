//! The transactional outbox, its relay, and dead letters. Also the inbox: no service writes it any more, and its table
//! is kept for instances of earlier releases.
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
pub(crate) use dead_letters::count_waiting;
pub use dead_letters::{DeadLetterDesk, DeadLetterId, DeadLetterResource, DeadLetters, ReplayError};
pub use inbox::first_time;
pub(crate) use pending::backlog;
pub use relay::{Relay, RelayHandle, RelayIntervals};
