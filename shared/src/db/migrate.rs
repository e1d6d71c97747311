//! Migrations, run at the start of a service.

use super::DatabaseConfig;
use diesel::ConnectionError;
use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// The tables of the outbox, which every service's schema has.
pub const SHARED_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/shared");

/// Why a schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection.
    #[error("the database cannot be reached")]
    Connect(#[from] ConnectionError),
    /// The lock that keeps instances from migrating at once could not be taken.
    #[error("the migration lock could not be taken")]
    Lock(#[from] diesel::result::Error),
    /// A migration failed; it was rolled back.
    #[error("a migration failed: {0}")]
    Migration(String),
}

/// Runs what is pending of the shared migrations and then of the service's own.
///
/// Instances that start at once wait for each other.
///
/// # Errors
/// [`MigrateError`]; a failed migration leaves nothing of itself.
pub async fn migrate(config: &DatabaseConfig, own: EmbeddedMigrations) -> Result<(), MigrateError> {
    let mut connection = config.connect().await?;
    // Another instance's migration, and our own, may take longer than a query of a request may.
    diesel::sql_query("SET statement_timeout = 0").execute(&mut connection).await?;
    // A session lock: released with the connection. The number is arbitrary but fixed.
    diesel::sql_query("SELECT pg_advisory_lock(4710, hashtext(current_schema()))")
        .execute(&mut connection)
        .await?;
    // The harness blocks its thread, which an actix arbiter must not do.
    let task = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(connection);
        for migrations in [SHARED_MIGRATIONS, own] {
            harness.run_pending_migrations(migrations).map_err(|error| error.to_string())?;
        }
        Ok::<(), String>(())
    });
    task.await.map_err(|error| MigrateError::Migration(error.to_string()))?.map_err(MigrateError::Migration)
}
