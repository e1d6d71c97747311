//! Connections and errors of a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod messages;
mod scene;
mod schema;
