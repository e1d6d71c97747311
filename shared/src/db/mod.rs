//! PostgreSQL: one database, one schema and one role per service.
//!
//! A service's connections carry its schema in their `search_path`, so neither migrations nor queries
//! name it, and its role may not see another's tables.

mod fault;
mod messages;
mod migrate;
pub mod notifications;
mod pool;
mod provision;
mod statement;

pub use diesel_migrations;
pub use fault::Fault;
pub use migrate::{MigrateError, SHARED_MIGRATIONS, migrate};
pub use pool::{Connection, DatabaseConfig, DbError, Plans, Pool};
pub use provision::{ProvisionError, Provisioned, provision};
