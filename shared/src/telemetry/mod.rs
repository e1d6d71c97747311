//! Logs, trace context and metrics.

mod gathered_output;
mod json_lines;
mod malformed_requests;
pub mod memory;
pub mod metrics;

use gathered_output::GatheredOutput;
use json_lines::JsonLines;
use malformed_requests::WithoutMalformedRequests;
use std::io::IsTerminal;
use tracing_subscriber::{
    EnvFilter, Registry,
    fmt::{self, format::JsonFields},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    #[default]
    Json,
    /// For people at a terminal.
    Text,
}

/// Starts logging to standard error. `filter` is in the syntax of `tracing`, `info,booking=debug`.
/// A second call has no effect, so that several services can live in one process.
///
/// A filter that cannot be read falls back to `info`: logs must not keep a service from starting.
pub fn init(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = Registry::default().with(filter).with(WithoutMalformedRequests);
    let started = match format {
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .fmt_fields(JsonFields::new())
                    .event_format(JsonLines::new())
                    .with_writer(GatheredOutput::start(std::io::stderr())),
            )
            .try_init(),
        LogFormat::Text => {
            let layer = fmt::layer().compact().with_target(false).with_writer(std::io::stderr);
            // A file is not to be full of colours; a terminal may do without by `NO_COLOR`.
            let layer = if std::io::stderr().is_terminal() { layer } else { layer.with_ansi(false) };
            registry.with(layer).try_init()
        }
    };
    drop(started);
}
