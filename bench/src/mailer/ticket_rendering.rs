//! The size of a ticket, and the time to render it, on one thread.

use super::{MailerBench, mailer_bench::TICKET};
use crate::{report::ResultLine, statistics::Latencies};
use documents::samples;
use serde_json::json;
use std::time::Instant;

/// The bounds of what is wanted: bytes, and milliseconds of the half.
const BOUND_BYTES: usize = 150_000;
const BOUND_MS: f64 = 5.0;

/// Measures two adults on two flights, and the largest party on the longest journey.
///
/// # Errors
/// Where a ticket cannot be rendered.
pub fn measure(bench: &MailerBench) -> anyhow::Result<Vec<ResultLine>> {
    let runs = if bench.options.quick { 50 } else { 400 };
    let tickets = [("2_by_2", samples::round_trip(), runs), ("9_by_6", samples::large_party(), runs / 10)];
    let mut lines = Vec::new();
    for (name, ticket, runs) in tickets {
        let bytes = documents::ticket_pdf(&ticket)?.len();
        let mut latencies = Latencies::default();
        for _ in 0..runs.max(1) {
            let began = Instant::now();
            documents::ticket_pdf(&ticket)?;
            latencies.record(began.elapsed());
        }
        let p50 = latencies.percentile_ms(50.0);
        let mut line = ResultLine {
            what: format!("{TICKET}_{name}"),
            ours: Some(p50),
            baseline: Some(BOUND_MS),
            unit: "ms to render, p50 against its bound",
            ratio: Some(p50 / BOUND_MS),
            p50_ms: Some(p50),
            p99_ms: Some(latencies.percentile_ms(99.0)),
            ..ResultLine::default()
        };
        line.more.insert("bytes".to_owned(), json!({"ours": bytes, "bound": BOUND_BYTES}));
        lines.push(line);
    }
    Ok(lines)
}
