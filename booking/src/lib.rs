//! The booking service: seats, holds, payments.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | wires database, actors and HTTP together |
//! | [`config`] | the service's settings |
//! | `domain` | the rules, pure |
//! | `actors` | allocators, ledger, payment desk, expiry sweeper, feeds; its `mod.rs` has the diagram |
//! | `store` | tables and queries |
//! | `http` | routes, thin |
//! | `deadline` | until when a request may wait |
//! | `kill_points` | where the crash tests kill the process |
//! | [`replay`] | what the replay of the simulation needs of the store |
//! | `error` | refusals and faults as problems |

pub mod app;
pub mod config;

mod actors;
mod deadline;
mod domain;
mod error;
mod http;
mod kill_points;
pub mod replay;
mod store;

pub use http::document;
pub use store::{MIGRATIONS, invariants};
