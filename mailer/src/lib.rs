//! The mailer: turns events into letters and sends them, at least once each.
//!
//! - [`app`] wires it all, [`config`] has its settings, [`error`] turns failures into problems of the contract
//! - [`actors`] - consumer, sender, renderer
//! - [`kinds`] - what letters there are, one file each
//! - [`domain`] - states, outcomes, delays, texts
//! - [`render`] - templates and the mail around them
//! - [`outlet`] - a mail server or a folder
//! - [`store`] - tables
//! - [`http`] - what admins see

pub mod actors;
pub mod app;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod kinds;
pub mod outlet;
pub mod render;
pub mod store;

pub use store::MIGRATIONS;
