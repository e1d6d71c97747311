//! Tables and their queries. Functions take a connection, never a pool, so they work inside and
//! outside of a transaction.
//!
//! What the ledger runs is set-based: one statement for all bookings of a batch, with arrays. See
//! [`shared::statement!`] for why.

pub(crate) mod admin_bookings;
pub(crate) mod batch_read;
pub(crate) mod bookings;
pub(crate) mod changed_bookings;
pub(crate) mod codes;
pub(crate) mod disruptions;
pub(crate) mod errors;
pub(crate) mod flight_cache;
pub(crate) mod flights;
pub(crate) mod former_travellers;
pub mod invariants;
pub(crate) mod keys;
pub(crate) mod ledger_store;
pub(crate) mod letters_caused;
pub(crate) mod lookup_failures;
pub(crate) mod manifest;
pub(crate) mod new_bookings;
pub(crate) mod passengers;
pub(crate) mod payments;
pub(crate) mod presented;
pub(crate) mod quotes;
pub(crate) mod refunds;
mod replanning;
pub(crate) mod sandbox_operations;
pub(crate) mod schema;
pub(crate) mod seats;
pub(crate) mod stats;
pub(crate) mod transaction;
pub(crate) mod travellers;
pub(crate) mod unsettled_payments;
pub(crate) mod unverified_holds;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The tables of booking.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/booking");
