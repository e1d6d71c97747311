//! Handlers, middlewares and the proxy.

mod audit;
mod audit_export;
mod auth;
mod client_device;
mod compression;
mod cors;
mod dead_letters;
mod internal_client;
mod jwks;
mod letter_tokens;
mod limits;
mod merged_openapi;
mod openapi;
mod proxy;
mod request_limits;
mod revocations;
mod routes;
mod security_headers;
mod swagger_ui;
mod system;
mod trusted_proxies;
mod users;
mod waiting_room;

pub(crate) use compression::compression;
pub(crate) use cors::{AllowedOrigins, cors};
pub(crate) use internal_client::InternalClient;
pub(crate) use limits::{RequestLimiter, limits};
pub(crate) use merged_openapi::MergedOpenApi;
pub use openapi::document;
pub(crate) use proxy::{EventStreamLimit, ProxyClient};
pub(crate) use request_limits::request_limits;
pub(crate) use routes::routes;
pub(crate) use security_headers::{BehindTls, security_headers};
pub(crate) use system::OwnAddress;
pub(crate) use trusted_proxies::TrustedProxies;
