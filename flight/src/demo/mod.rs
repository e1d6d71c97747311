//! The demo data: the world's airports, a house airline with its fleet, and sixty days of flights.
//!
//! | module | what it holds |
//! |---|---|
//! | [`airports`] | cities and airports, from the files in `flight/data` |
//! | [`block_time`] | distances and block times |
//! | [`fares`] | base prices |
//! | [`fleet`] | airlines, aircraft types, seat layouts, airplanes |
//! | [`network`] | hubs, and what each airplane flies |
//! | [`schedule`] | the lines of the network as dated flights |
//! | `insert` | the way into the database |
//!
//! All but `insert` is pure: the plan of a day depends on its date alone.

pub mod airports;
pub mod block_time;
pub mod fares;
pub mod fleet;
mod insert;
#[cfg(test)]
mod instants;
pub mod network;
pub mod schedule;

pub use insert::{DemoError, Progress, Step, Summary, WINDOW_DAYS, load};
