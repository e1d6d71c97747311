//! The way to the other services. `forward.rs` looks a request up in the routing table, refuses it early where
//! the caller may not make it, and passes it on once its body is complete. Answers come back piece by piece.

mod answer_body;
mod answer_head;
mod body_reader;
mod client;
mod connection;
mod dispatch;
mod event_stream_limit;
mod exchange;
mod forward;
mod headers;
mod overload;
mod request_body;
mod upstream_metrics;

pub(crate) use client::ProxyClient;
pub(crate) use dispatch::dispatch;
pub(crate) use event_stream_limit::EventStreamLimit;
pub(crate) use forward::forward;
pub(crate) use overload::overloaded;
