//! The relay: publishes committed outbox rows in order and deletes them after the confirm.
//!
//! One relay per schema is active, the one whose connection holds the advisory lock; those of other
//! instances stand by. Reading, deleting and the lock share that connection, so a relay that has lost
//! the lock cannot touch the outbox any more.
//!
//! **Promise.** Each committed event is published at least once, but for outdated events about seats
//! (`seats.changed`): if a read of the outbox finds a newer one about the same flight, the relay takes the
//! older one out of the outbox unpublished. It stays in the table `events`. Per aggregate an older event is never
//! published for the first time after a newer one. When a publish fails, everything that is unconfirmed
//! counts as unpublished: the relay drops those futures (which a carrier takes as the sign that it
//! has understood, see [`BusCarrier::publish`](crate::bus::BusCarrier::publish)), waits, and reads again
//! from the lowest row that is pending, so consumers may see a run of events repeated.
//!
//! **Wake-ups.** After a commit an instance nudges its own relay. One that is active reads. One that stands by passes the
//! nudge on as a [notification](crate::db::notifications), which the active relay hears. Nudges close together are one
//! read, or one notification. A poll is the safety net.
//!
//! | file | what of the relay it has |
//! |---|---|
//! | `actor` | the actor: its state, its connection, what it does next, how it stops |
//! | `standby` | the lock, and what relays of several instances tell each other |
//! | `publishing` | the way of the rows: read, published, confirmed, deleted |
//! | `progress` | which rows are where on that way |

mod actor;
mod handle;
mod intervals;
mod progress;
mod publishing;
mod standby;

pub use actor::Relay;
pub use handle::RelayHandle;
pub use intervals::RelayIntervals;
