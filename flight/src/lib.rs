//! The flight service: reference data, flights, search.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | wires database, actors and HTTP together |
//! | [`config`] | its settings |
//! | `http` | its routes |
//! | [`actors`] | the catalogue that search reads, and the feeds that keep it right |
//! | `booking`, `booking_seats` | what it asks the booking service |
//! | [`domain`] | the rules of the timetable |
//! | [`store`] | its tables |
//! | [`demo`] | the demo data |
//! | `error` | what it refuses, as problems |

// Public beyond `app` and `config`: what `aerobus` loads, and what the tests of this crate store and look at.
pub mod actors;
pub mod app;
pub mod config;
pub mod demo;
pub mod domain;
pub mod store;

mod booking;
mod booking_seats;
mod error;
mod http;

pub use http::document;
pub use store::MIGRATIONS;
