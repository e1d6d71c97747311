//! The gateway: identity and roles, access tokens, rate limits, and the way to all other services.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | wires pool, actors and HTTP together |
//! | [`config`] | the settings, each variable documented |
//! | [`domain`] | pure rules: e-mail addresses, passwords, tokens, the routing table, merged OpenAPI |
//! | [`identity`] | the use cases: register, log in, refresh, log out, the first administrator |
//! | [`actors`] | password hashing, keys, upstreams, clearing away; `actors/mod.rs` holds the diagram |
//! | [`http`] | handlers, middlewares and the streaming proxy |
//! | [`store`] | tables and queries |
//! | [`error`] | errors as problems |

pub mod actors;
pub mod app;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod identity;
pub mod store;

pub use store::MIGRATIONS;
