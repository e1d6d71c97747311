//! The actors of booking, and what stands between them.
//!
//! ```text
//!  HTTP workers ── Sales (no actor: the way of a request, in the crate booking-engine)
//!     │   │  └─── asks ──> PaymentDesk ── asks ──> payment provider (sandbox, stripe)
//!     │   │                    │
//!     │   └── asks ──> Ledger <┴── asks ── ExpirySweeper, DisruptionDesk
//!     │                  │ updates (CommitFollowers: seats after a commit)
//!     └── asks ──> SeatAllocator <── starts, forgets ── AllocatorDirectory
//!                        ^ updates
//!          FlightFeed, FlightFollower (bus), VersionPoll (without the bus)
//!             └── nudges ──> DisruptionDesk
//!  HTTP workers ── asks ──> DocumentRenderer (one thread, a bounded number of documents)
//! ```
//! A request for a flight that is still on its way waits at the directory's [`arrivals`]. The live seat
//! maps get the same updates as the allocators: see [`seat_map`].
//!
//! No actor asks one above it, so the graph has no cycle. Spawn order: directory, ledgers, payment desk, disruption
//! desk, sweeper, housekeeping, poll, feeds.
//!
//! What restarts what: the directory restarts a dead allocator from the database; the handle of the
//! ledgers does the same for a ledger. A supervisor (`shared::supervisor`) restarts the payment desk, the writers of
//! its settlements and of the sandbox's log, and the client of Stripe. Repeated work (sweeper, sweeps of payments and
//! disruptions, housekeeping, poll) runs on tickers (`shared::ticker`), which outlive its panics. None of them keeps
//! anything in memory that the database lacks.
//!
//! The table in `app.rs` tells which thread does which work. Only the arbiters of [`shards`] (allocators and ledgers)
//! and of live seat maps are replaced after they have ended ([`arbiter`]), when an actor is started on them again. The
//! thread of followers ends only with the service; readiness fails if it has ended before. The arbiter that started the
//! service is the main thread where booking has a process of its own: the process ends with it, and the supervisor of
//! the process restarts both.

pub(crate) mod allocator;
pub(crate) mod allocators;
pub(crate) mod arbiter;
mod arrivals;
pub(crate) mod directory;
pub(crate) mod disruption_desk;
pub(crate) mod document_renderer;
pub(crate) mod expiry_sweeper;
#[cfg(test)]
mod fault;
pub(crate) mod flight_feed;
pub(crate) mod followers;
pub(crate) mod housekeeping;
pub(crate) mod ledger;
pub(crate) mod payment;
pub(crate) mod sales;
pub(crate) mod seat_map;
pub(crate) mod shards;
pub(crate) mod system;
#[cfg(test)]
mod tests;
pub(crate) mod version_poll;
