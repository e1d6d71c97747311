//! The booking service: seats, holds, payments.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | wires database, actors and HTTP together |
//! | [`config`] | the service's settings |
//! | `domain` | the rules, pure |
//! | `actors` | allocators, ledger, payment desk, reaper, feed; its `mod.rs` has the diagram |
//! | `store` | tables and queries |
//! | `http` | routes, thin |
//! | `client` | who sends a request, for limits of its own |
//! | `deadline` | until when a request may wait |
//! | `kill_points` | where the crash tests kill the process |
//! | `error` | refusals and faults as problems |
//! | `simulation` | only with the feature of that name: all of this in a seeded simulation |

pub mod app;
pub mod config;

mod actors;
mod client;
mod deadline;
mod domain;
mod error;
mod http;
mod kill_points;
#[cfg(feature = "simulation")]
pub mod simulation;
mod store;

pub use http::document;
pub use store::{MIGRATIONS, invariants};
