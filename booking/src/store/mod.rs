//! Tables and their queries. Functions take a connection, never a pool, so they work inside and outside of a
//! transaction. A file holds the queries of the table that it is named after, and the row types of that table.
//!
//! The ledger's statements are set-based: one statement for all bookings of a batch, with arrays. See
//! [`shared::statement!`] for the reason.
//!
//! These files are not one table each:
//!
//! | file | what |
//! |---|---|
//! | `schema` | the tables, as Diesel sees them |
//! | `ledger_store` | the ledger's port to PostgreSQL: its connection, its locks, its transaction |
//! | `transaction` | begins, commits and rolls back a transaction without waits in between |
//! | `replanning` | when the server replans the statements of a ledger's connection |
//! | `batch_read` | reads all tables for a batch in one statement |
//! | `write_set` | writes what was decided, with the two below and the tables' own statements |
//! | `flight_updates` | stores new states of flights, with what they change for bookings |
//! | `equipment` | bookings follow their flights to other seat plans |
//! | `withdrawals` | what the flight service asks before a disruption |
//! | `new_bookings`, `changed_bookings` | write all tables for a batch, in one statement each |
//! | `presented` | whole bookings as clients see them, at one instant |
//! | `admin_bookings`, `manifest`, `stats` | the reports for staff, over several tables |
//! | `bookings` | `bookings` with `segments`; loads whole bookings |
//! | `flights` | `flights` with `flight_states`, and the seats of a flight with both |
//! | `keys` | `idempotency_keys` |
//! | `quotes` | `cancellation_quotes` |
//! | `flight_cache` | the states of flights in memory |
//! | `codes` | the numbers that the tables store for enumerations |
//! | `errors` | errors of the database as the engine knows them |
//! | [`invariants`] | what must be true of all tables, as one statement each |

pub(crate) mod admin_bookings;
pub(crate) mod batch_read;
pub(crate) mod bookings;
pub(crate) mod changed_bookings;
pub(crate) mod codes;
pub(crate) mod confirmation_requests;
pub(crate) mod disruptions;
mod equipment;
pub(crate) mod erasure;
pub(crate) mod errors;
pub(crate) mod flight_cache;
pub(crate) mod flight_updates;
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
pub(crate) mod seat_versions;
pub(crate) mod seats;
pub(crate) mod stats;
pub(crate) mod transaction;
pub(crate) mod travellers;
pub(crate) mod unsettled_counts;
pub(crate) mod unsettled_payments;
pub(crate) mod unverified_holds;
pub(crate) mod withdrawals;
pub(crate) mod write_set;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The tables of booking.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/booking");
