//! The gateway's actors.
//!
//! ```text
//!   HTTP handlers --hash, verify--> PasswordHasher (SyncArbiter, threads of its own)
//!        |  |  '--reads snapshot--> KeyRing --reloads--> PostgreSQL, and fills the verifiers' key source
//!        |  '-----reads snapshot--> Upstream (one a service) --probes--> its instances
//!        '--------reports---------> Upstream
//!   ExpirySweeper --deletes--> PostgreSQL, and forgets idle clients of the rate limit
//! ```
//!
//! Spawn order: `KeyRing` (nothing is signed or verified without it), `PasswordHasher`, `ExpirySweeper`,
//! the `Upstream`s, then HTTP. No actor asks another, so the ask graph has no cycle. Every actor lives until the
//! service sends [`StopActor`]. None needs a supervisor: `PasswordHasher` turns a panic into the answer to its
//! one message (actix restarts no actor that panicked), and the others only spawn futures whose errors are
//! logged and tried again at the next tick.

mod expiry_sweeper;
mod key_ring;
mod password_hasher;
mod stop_actor;
mod upstream;
mod upstream_instance;

pub(crate) use expiry_sweeper::ExpirySweeper;
pub(crate) use key_ring::{KeyRing, KeyRingError};
pub(crate) use password_hasher::{HashError, PasswordHasher};
pub(crate) use stop_actor::StopActor;
pub(crate) use upstream::{NoAvailableInstance, Upstream, Upstreams};
pub(crate) use upstream_instance::{InFlightRequest, LoadKind};
