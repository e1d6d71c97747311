//! The booking service over real HTTP and PostgreSQL, with the bus in the process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod admin_bookings;
mod bad_input;
mod cancellation;
mod contention;
mod fixture;
mod flights;
mod holds;
mod idempotency;
mod invariants;
mod manifest;
mod payments;
mod stats;
mod vertical;
