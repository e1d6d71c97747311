//! The actors of booking, and what stands between them.
//!
//! ```text
//!  HTTP workers ── Sales (no actor: the way of a request)
//!     │   │  └─── asks ──> PaymentDesk ── asks ──> payment provider (port: sandbox)
//!     │   │                    │
//!     │   └── asks ──> Ledger <┴── asks ── HoldReaper
//!     │                  │ tells (seats after a commit)
//!     └── asks ──> SeatAllocator <── starts, forgets ── AllocatorDirectory
//!                        ^ tells
//!          FlightFeed, FlightFollower (bus), VersionPoll (without the bus)
//! ```
//! Nobody below asks anybody above, so the graph has no cycle. Spawn order: directory, ledgers,
//! payment desk, reaper, feed. The directory restarts allocators from the database; a ledger, the
//! desk and the reaper keep nothing in memory that the database lacks, and are told to the arbiters'
//! runtimes, which outlive a failed task of theirs. Allocators and ledgers live on the arbiters of
//! their shards, everything else on the arbiter that started the service.

pub(crate) mod allocator;
pub(crate) mod directory;
pub(crate) mod flight_feed;
pub(crate) mod hold_reaper;
pub(crate) mod ledger;
pub(crate) mod payment;
pub(crate) mod sales;
pub(crate) mod version_poll;
