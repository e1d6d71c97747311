//! The actors of booking, and what stands between them.
//!
//! ```text
//!  HTTP workers ── Sales (no actor: the way of a request)
//!     │   │  └─── asks ──> PaymentDesk ── asks ──> payment provider (port: sandbox,
//!     │   │                    │                    stripe)
//!     │   │                    │
//!     │   └── asks ──> Ledger <┴── asks ── HoldReaper, DisruptionDesk
//!     │                  │ tells (seats after a commit)
//!     └── asks ──> SeatAllocator <── starts, forgets ── AllocatorDirectory
//!                        ^ tells
//!          FlightFeed, FlightFollower (bus), VersionPoll (without the bus)
//!             └── nudges ──> DisruptionDesk
//! ```
//! Who asks the directory for a flight that is still on its way waits at its [`arrivals`].
//! What the allocators are told, the live seat maps are told too: see [`seat_map`].
//!
//! Nobody below asks anybody above, so the graph has no cycle. Spawn order: directory, ledgers,
//! payment desk, disruption desk, reaper, poll, feeds.
//!
//! Who restarts whom: the directory starts an allocator that has died again, from the database; the
//! handle of the ledgers does the same for a ledger. A keeper (`payment/keeper.rs`) restarts the payment
//! desk, the writers of its notes and of the sandbox's log, and the client of Stripe. What directory,
//! desk, reaper and poll do runs in tasks of its own, whose failure leaves the actor itself unharmed.
//! None of them keeps anything in memory that the database lacks. Allocators and ledgers live on the
//! arbiters of their shards, live seat maps on one of their own, everything else on the arbiter that
//! started the service. Arbiters that have ended are replaced ([`arbiter`]) when an actor is to be started
//! on them again; only the last one is the process's own, which ends with it, and is for whoever
//! supervises the process.

pub(crate) mod allocator;
pub(crate) mod allocators;
pub(crate) mod arbiter;
mod arrivals;
pub(crate) mod directory;
pub(crate) mod disruption_desk;
pub(crate) mod flight_feed;
pub(crate) mod hold_reaper;
pub(crate) mod ledger;
pub(crate) mod payment;
pub(crate) mod sales;
pub(crate) mod seat_map;
pub(crate) mod version_poll;
