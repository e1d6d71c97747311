//! The gateway's actors.
//!
//! ```text
//!   HTTP handlers --hash, verify--> PasswordHasher (SyncArbiter, threads of its own)
//!        |  |  '--reads snapshot--> KeyRing --reloads--> PostgreSQL, and fills the verifiers' key source
//!        |  '-----reads snapshot--> Upstream (one a service) --probes--> its instances
//!        '--------trips-----------> Upstream
//!   SessionKeeper --clears away--> PostgreSQL, rate limits
//! ```
//!
//! Spawn order: `KeyRing` (nothing is signed or verified without), `PasswordHasher`, `SessionKeeper`,
//! the `Upstream`s, then HTTP. No actor asks another, so the graph of asks has no cycle. All of them
//! live until the service sends them [`Stop`]: `PasswordHasher` turns a panic into the answer to
//! the one message (actix starts nothing again that panicked), and the others only spawn futures whose
//! errors are logged and tried again at the next tick.

use actix::prelude::*;

mod key_ring;
mod password_hasher;
mod session_keeper;
mod upstream;

pub use key_ring::{KeyRing, Keys, KeysError};
pub use password_hasher::{HashError, PasswordHasher};
pub use session_keeper::SessionKeeper;
pub use upstream::{InFlight, Load, Upstream, UpstreamError, Upstreams};

/// Asks an actor to stop; sent when the last request is answered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;
