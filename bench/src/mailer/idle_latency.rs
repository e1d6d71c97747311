//! From the commit of an event to the acceptance of its letter, one letter after the other.
//!
//! The event is written to the mailer's own outbox, for which the mailer runs the same relay as booking does: the commit,
//! the relay, RabbitMQ, the mailer's tables and SMTP are all in it.

use super::{MailerBench, booking_events::events, mailer_bench::IDLE_LATENCY};
use crate::{report::ResultLine, statistics::Latencies};
use serde_json::json;
use shared::{events::EventType, outbox};
use std::time::{Duration, Instant};

/// The pause before each letter: longer than the mailer gathers.
const PAUSE: Duration = Duration::from_millis(100);

/// What half of the letters take at most is of interest, and this bound of 99 of a hundred, milliseconds.
const BOUND_MS: f64 = 250.0;

/// Measures confirmations.
///
/// # Errors
/// Where a letter does not arrive.
pub async fn measure(bench: &mut MailerBench) -> anyhow::Result<Vec<ResultLine>> {
    let connection = bench.database.config.connect().await?;
    let (count, mut latencies) = (bench.options.idle_letters(), Latencies::default());
    eprintln!("{IDLE_LATENCY}: {count} letters, one after the other ...");
    for event in events(EventType::BookingConfirmed, count) {
        tokio::time::sleep(PAUSE).await;
        let before = bench.sink.letters().await?;
        outbox::append(&connection, &[event]).await?;
        let committed = Instant::now();
        bench.sink.wait_for(before + 1).await?;
        latencies.record(committed.elapsed());
    }
    let (p50, p99) = (latencies.percentile_ms(50.0), latencies.percentile_ms(99.0));
    let mut line = ResultLine {
        what: IDLE_LATENCY.to_owned(),
        ours: Some(p99),
        baseline: Some(BOUND_MS),
        unit: "ms, commit to acceptance, p99 against its bound",
        ratio: Some(p99 / BOUND_MS),
        p50_ms: Some(p50),
        p99_ms: Some(p99),
        ..ResultLine::default()
    };
    line.more.insert("letters".to_owned(), json!(count));
    Ok(vec![line])
}
