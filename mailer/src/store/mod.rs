//! The mailer's tables, one file each, and its connections for batches. The tables of the bus are in `shared::outbox`.

pub(crate) mod batch_connection;
pub(crate) mod dead_letters;
pub(crate) mod erasure;
pub(crate) mod letter_attempts;
pub(crate) mod letter_contents;
pub(crate) mod letter_queue;
pub(crate) mod letter_tokens;
pub(crate) mod letters;
#[cfg(test)]
mod order_tests;
pub(crate) mod queue_figures;
mod schema;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod token_tests;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The schema, to be run after the shared migrations.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/mailer");
