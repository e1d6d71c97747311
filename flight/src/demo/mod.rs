//! The demo data: the world's airports, a house airline with its fleet, and sixty days of flights.
//!
//! | module | what it holds |
//! |---|---|
//! | [`airlines`] | the house airline and its regional one |
//! | [`airports`] | cities and airports, from the files in `flight/data` |
//! | [`block_time`] | distances and block times |
//! | [`fares`] | base prices |
//! | [`fits`] | aircraft types and seat layouts |
//! | [`fleet`] | the airplanes, with all that they refer to but the places |
//! | [`network`] | hubs, and what each airplane flies |
//! | [`schedule`] | the lines of the network as dated flights |
//! | [`seasons`] | the same as season schedules |
//! | `insert` | the way into the database |
//!
//! All but `insert` is pure: the plan of a day depends on its date alone.

pub mod airlines;
pub mod airports;
pub mod block_time;
pub mod fares;
pub mod fits;
pub mod fleet;
mod insert;
#[cfg(test)]
mod instants;
pub mod network;
pub mod schedule;
pub mod seasons;

pub use insert::{DemoError, HORIZON_DAYS, LoadProgress, LoadStep, Summary, WINDOW_DAYS, load};
