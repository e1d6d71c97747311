//! The gateway: identity and roles, access tokens, rate limits, and the way to all other services.
//!
//! | module | what it holds |
//! |---|---|
//! | [`app`] | wires pool, actors and HTTP together |
//! | [`config`] | the settings, each variable documented |
//! | `domain` | pure rules: e-mail addresses, passwords, tokens, the routing table, merged OpenAPI |
//! | `identity` | the use cases: register, log in, refresh, log out, the first administrator |
//! | `actors` | password hashing, keys, upstreams, expiry; `actors/mod.rs` holds the diagram |
//! | `http` | handlers, middlewares and the streaming proxy |
//! | `personal_data` | what booking and the mailer are asked about a person |
//! | `store` | tables and queries |
//! | `error` | errors as problems |
//! | `key_administration` | what an operator does with the signing keys |
//! | `security_event` | what an operator watches to notice an attack |

pub mod app;
pub mod config;

mod actors;
mod domain;
mod error;
mod http;
mod identity;
mod key_administration;
mod personal_data;
mod security_event;
mod store;

pub use domain::{
    limits::LimitSettings,
    routing_table::{ApiRoute, ROUTING_TABLE, ResponseKind, RouteAccess, ServiceName},
    routing_table_check::differences as routing_table_differences,
    signing_key::SigningKey,
};
pub use http::document;
pub use key_administration::{KeyAdministration, KeyAdministrationError, KeyState, TrustedKey};
pub use store::MIGRATIONS;
