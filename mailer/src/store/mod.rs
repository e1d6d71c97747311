//! The mailer's tables, one file each. The tables of the bus (inbox, outbox) are in `shared::outbox`.

pub(crate) mod dead_letters;
pub(crate) mod letter_attempts;
pub(crate) mod letters;
mod schema;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The schema, to be run after the shared migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/mailer");
