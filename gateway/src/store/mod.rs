//! The gateway's tables. Queries take a connection, so they work inside and outside of transactions.

pub mod login_failures;
pub mod refresh_tokens;
pub mod roles;
mod schema;
pub mod sessions;
pub mod signing_keys;
pub mod users;

use shared::db::diesel_migrations::{self, EmbeddedMigrations, embed_migrations};

/// The gateway's migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/gateway");
