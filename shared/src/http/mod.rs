//! What every service's HTTP has in common.
//!
//! Handlers take [`Body`], [`QueryParameters`] and [`Id`] instead of actix's own extractors: these
//! answer with the contract's problems, with all invalid fields at once.

mod access_log;
mod client_address;
mod etag;
pub mod health;
pub mod input;
mod media_type;
mod named_flights;
mod no_parameters;
mod openapi;
mod page;
mod path;
mod problem;
mod request;
mod request_id;
mod request_metrics;
mod scaffold;
mod security_headers;
mod server;
pub mod spreadsheet;
mod uninterrupted;

pub use access_log::RequestFacts;
pub use client_address::{ClientAddress, network_of};
pub use etag::{conditional, entity_tag, is_known, require_match};
pub use input::{
    BODY_LIMIT, Body, EmptyBody, FieldError, FromJson, JsonBytes, JsonReader, Patch, QueryParameters,
    collect, collect_import, require_identity,
};
pub use media_type::preferred;
pub use named_flights::named_flights;
pub use no_parameters::NoParameters;
pub use openapi::{BearerToken, Refusals};
pub use page::{Cursor, Page, PageLinks, PageRequest};
pub use path::{Id, key};
pub use problem::{Code, Problem, ProblemBody, Quota};
pub use request::{complete, envelope};
pub use request_id::RequestId;
pub use scaffold::{method_not_allowed, readable};
pub(crate) use scaffold::{metrics_server, probes, unknown_path};
pub use security_headers::SECURITY_HEADERS;
pub use server::ConnectionEnd;
pub(crate) use server::{ServerSettings, serve};
