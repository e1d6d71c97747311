//! The mailer: turns events into letters and sends them, at least once each.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | wires pool, actors, HTTP and the subscription together |
//! | [`config`] | the settings, each variable documented |
//! | `domain` | pure rules: states, outcomes, delays, texts |
//! | `kinds` | the kinds of letters, one file each |
//! | `views` | what templates show, in the language of the reader |
//! | `actors` | consumer, sender, renderer; `actors/mod.rs` holds the diagram |
//! | `render` | templates and the mail around them |
//! | [`preview`] | every letter with invented content |
//! | `transport` | a mail server or a folder |
//! | `http` | what administrators see and do |
//! | `store` | tables and queries |
//! | `error` | errors as problems |

pub mod app;
pub mod config;
pub mod preview;

mod actors;
mod domain;
mod error;
mod http;
mod kinds;
mod render;
mod store;
mod transport;
mod views;

pub use http::document;
pub use store::MIGRATIONS;
