//! Connections and errors of a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit_log;
mod faults;
mod health;
mod messages;
mod notifications;
mod scene;
mod schema;
