//! The same operations on PostgreSQL.
//!
//! What a run did to the model is done to a real database, through the real adapter: each transaction
//! begins, waits for its locks while others go on, aborts, commits or is lost where it was in the run.
//! The database's clock is put in from outside: `clock_timestamp()` is found in a schema of our own, so
//! every statement of `store` sees the clock that the model had. Each verdict and, at the end, every
//! row must be the same, so that the model is no kinder than the SQL.

mod on_postgres;
mod postgres_lines;
mod replay_stage;
mod replay_store;

pub use on_postgres::{CLOCK, ReplayReport, replay};
