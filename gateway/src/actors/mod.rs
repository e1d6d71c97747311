//! The gateway's actors.
//!
//! ```text
//!   HTTP handlers --hash, verify--> PasswordHasher (SyncArbiter, threads of its own, in turns)
//!        |  |  '--reads snapshot--> KeyRing --reloads--> PostgreSQL, and fills the verifiers' key source
//!        |  '-----reads snapshot--> InstanceProber (one a service) --probes--> its instances
//!        |--------reports---------> InstanceProber --resolves--> host names of instances
//!        |--reads published rooms-> WaitingRooms --counts, moves marks--> PostgreSQL, and hears of other instances' rooms
//!        '--arrivals, overloads---> WaitingRooms
//!   bus --audit.recorded--> AuditRecorder --appends--> PostgreSQL (the audit log)
//!   ExpirySweeper --deletes--> PostgreSQL, and forgets idle clients of the rate limit
//! ```
//!
//! Spawn order: `KeyRing` (nothing is signed or verified without it), `PasswordHasher`, `ExpirySweeper`,
//! the `InstanceProber`s, `WaitingRooms`, then HTTP. No actor asks another, so the ask graph has no cycle. All of them live
//! until the service stops them. None needs a supervisor: `PasswordHasher` turns a panic into the answer to its one message
//! (actix restarts no actor that panicked), `ExpirySweeper` and `WaitingRooms` are a [`shared::ticker::Ticker`] each,
//! `KeyRing` is served by [`shared::auth::KeySource::serve`], all of which outlive a panic, and `InstanceProber` only spawns
//! probes and look-ups, whose errors are results.

mod audit_recorder;
mod expiry_sweeper;
mod instance_prober;
mod instance_source;
mod key_ring;
mod password_hasher;
mod upstream;
mod upstream_instance;
mod waiting_rooms;

pub(crate) use audit_recorder::AuditRecorder;
pub(crate) use expiry_sweeper::ExpirySweeper;
pub(crate) use instance_prober::UpstreamSettings;
pub(crate) use key_ring::{KeyRing, KeyRingError};
pub(crate) use password_hasher::{HashError, PasswordHasher};
pub(crate) use upstream::{InstanceChoice, InstanceReport, NoInstance, Upstream, Upstreams};
pub(crate) use upstream_instance::{InFlightRequest, LoadKind};
pub(crate) use waiting_rooms::{OverloadReport, QueuePlace, RoomEntry, WaitingRooms};
