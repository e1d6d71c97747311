//! The gateway's tables, one file each; `roles.rs` has the two tables that tell a user's permissions. Queries
//! take a connection, so they work inside and outside of transactions.

pub(crate) mod api_keys;
pub(crate) mod audit_log;
pub(crate) mod erasures;
mod interval;
pub(crate) mod known_devices;
pub(crate) mod letter_requests;
pub(crate) mod login_failures;
pub(crate) mod one_time_tokens;
pub(crate) mod refresh_tokens;
pub(crate) mod revocations;
pub(crate) mod roles;
mod schema;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod token_events;
pub(crate) mod totp_factors;
pub(crate) mod user_emails;
pub(crate) mod user_passwords;
pub(crate) mod user_search;
pub(crate) mod users;
pub(crate) mod waiting_rooms;

use shared::db::diesel_migrations::{self, EmbeddedMigrations, embed_migrations};

/// The gateway's migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/gateway");
