//! The mailer's tables.

pub mod attempts;
pub mod dead_letters;
pub mod letters;
mod schema;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The schema, to be run after the shared migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/mailer");
