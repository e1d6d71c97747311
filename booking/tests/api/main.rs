//! The booking service over real HTTP and PostgreSQL, with the bus in the process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod admin_bookings;
mod airline;
mod audit;
mod bad_input;
mod cancellation;
mod changes;
mod configuration;
mod contention;
mod disruptions;
mod documents;
mod ended_holds;
mod erasure;
mod fixture;
mod flights;
mod holds;
mod idempotency;
mod invariants;
mod itineraries;
mod letters;
mod live;
mod lookup_limits;
mod manifest;
mod many_flights;
mod migrations;
mod moving_flights;
mod names;
mod overload;
mod payments;
mod query_parameters;
mod resend_confirmation;
#[cfg(target_os = "linux")]
mod reservations;
mod resets;
mod schema;
mod snapshots;
mod stats;
mod stripe;
mod unverified;
mod version;
mod vertical;
