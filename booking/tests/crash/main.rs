//! Crash tests: processes of the service are killed as by `kill -9`, at named points and under load,
//! and so are their PostgreSQL and their RabbitMQ. See `docs/crash-tests.md`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod database;
mod flights;
mod instance;
mod keys;
mod kill_points;
mod load;
mod probe;
mod requests;
