//! Letters a second: from the first event's publication to the acceptance of the last letter, against `smtp-source`
//! with the same bytes.

use super::{MailerBench, booking_events::events, mailer_bench::RATES};
use crate::{
    report::{self, ResultLine, rounded},
    statistics::median,
};
use serde_json::{Map, json};
use shared::events::{Event, EventType};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Measures letters with documents, and letters without.
///
/// # Errors
/// Where a letter does not arrive.
pub async fn measure(bench: &mut MailerBench) -> anyhow::Result<Vec<ResultLine>> {
    let mut lines = Vec::new();
    for (what, kind) in
        [("with_documents", EventType::BookingConfirmed), ("without_documents", EventType::BookingHeld)]
    {
        lines.push(compare(bench, &format!("{RATES}_{what}"), kind).await?);
    }
    Ok(lines)
}

async fn compare(bench: &mut MailerBench, what: &str, kind: EventType) -> anyhow::Result<ResultLine> {
    let (letters, connections) = (bench.options.letters(), bench.options.connections);
    let letter = sample(bench, what, kind).await?;
    let server = bench.sink.address();
    let (mut ours, mut baseline, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=bench.options.rounds() {
        eprintln!("{what}: round {round} of {} ...", bench.options.rounds());
        bench.database.analyze().await?;
        bench.cluster.checkpoint().await?;
        let (taken, used) = send(bench, events(kind, letters)).await?;
        let plain = bench.source.send(&letter, (letters, connections), server).await?;
        // The first round warms both sides up.
        if round > 0 {
            ours.push(rate(letters, taken));
            baseline.push(rate(letters, plain));
            cpu.push(per_letter(used, letters));
        }
    }
    let (ours_median, baseline_median) = (median(&ours), median(&baseline));
    let mut more = Map::new();
    more.insert("letters".to_owned(), json!(letters));
    more.insert("letter_bytes".to_owned(), json!(fs::metadata(&letter)?.len()));
    more.insert("cpu_us_per_letter".to_owned(), json!(rounded(median(&cpu))));
    let all = |rates: &[f64]| rates.iter().map(|rate| rate.round()).collect::<Vec<_>>();
    more.insert("rounds".to_owned(), json!({"ours": all(&ours), "baseline": all(&baseline)}));
    Ok(ResultLine {
        what: what.to_owned(),
        ours: Some(ours_median),
        baseline: Some(baseline_median),
        unit: "letters/s, against smtp-source",
        ratio: report::ratio(ours_median, baseline_median),
        more,
        ..ResultLine::default()
    })
}

/// The file of a letter of this kind, as `smtp-source` reads it.
async fn sample(bench: &mut MailerBench, what: &str, kind: EventType) -> anyhow::Result<PathBuf> {
    let before = bench.sink.letters().await?;
    bench.sink.keep_next().await?;
    bench.publish(events(kind, 1)).await?;
    bench.sink.wait_for(before + 1).await?;
    let file = bench.scratch.join(format!("{what}.eml"));
    fs::write(&file, bench.sink.kept().await?)?;
    Ok(file)
}

/// Sends the letters of events; gives how long that took, and the mailer's processor time, nanoseconds.
async fn send(bench: &mut MailerBench, events: Vec<Event>) -> anyhow::Result<(Duration, u64)> {
    let letters = u64::try_from(events.len())?;
    let (before, cpu) = (bench.sink.letters().await?, bench.mailer()?.cpu());
    let began = Instant::now();
    bench.publish(events).await?;
    bench.sink.wait_for(before + letters).await?;
    let taken = began.elapsed();
    Ok((taken, bench.mailer()?.cpu().since(&cpu).total()))
}

fn rate(letters: usize, taken: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let letters = letters as f64;
    letters / taken.as_secs_f64()
}

/// Microseconds a letter.
fn per_letter(nanoseconds: u64, letters: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (nanoseconds, letters) = (nanoseconds as f64, letters as f64);
    nanoseconds / 1000.0 / letters
}
