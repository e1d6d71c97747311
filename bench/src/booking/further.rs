//! What is measured of ours alone: steady arrivals, the refusal of a taken seat, and whether a booking
//! costs more when many are stored.

use super::{
    comparison::{RoundPlan, analyze_and_checkpoint, line_of_ours, rounded_all},
    engine_under_test::{EngineRound, EngineUnderTest, Pattern, SeatCount},
    service::ServiceTuning,
    workload::Workload,
};
use crate::{
    cluster::{Cluster, ServiceDatabase},
    report::{ResultLine, ratio, rounded},
    statistics::median,
    stored,
};
use anyhow::Context;
use serde_json::json;
use shared::db::DatabaseConfig;
use std::time::Instant;

/// Eight times as many clients as commands may wait for a ledger.
const CROWD: usize = 4096;

/// How long travellers arrive before it is measured how long they wait: after a checkpoint the first change of
/// each page is logged in full, and all customers come with tokens that were not seen before. Where a service
/// runs, the one happens every few minutes, and the other now and then.
const WARM_UP_SECONDS: u64 = 1;

/// Arrivals at half of the rate that closed-loop clients have reached, whether or not the service keeps
/// up; times count from the intended arrival.
///
/// # Errors
/// Where the service fails.
pub async fn arrivals(
    peak: f64,
    rounds: RoundPlan,
    cluster: &Cluster,
    ours: &mut EngineUnderTest,
) -> anyhow::Result<ResultLine> {
    let rate = peak / 2.0;
    analyze_and_checkpoint(cluster, ours.database()).await?;
    eprintln!("open_arrivals: {rate:.1}/s");
    let (workload, pattern) = (Workload::HotFlight, Pattern::Open(rate));
    let sale = ours.sale(workload, WARM_UP_SECONDS + rounds.seconds).await?;
    let (mut first, sale) = ours.load(workload, sale, pattern, WARM_UP_SECONDS).await?;
    let (round, _) = ours.load(workload, sale, pattern, rounds.seconds).await?;
    let mut line = line_of_ours("open_arrivals", &[round]);
    for percent in [50.0, 99.0] {
        let name = format!("first_second_p{percent:.0}_ms");
        line.more.insert(name, json!(rounded(first.outcome.latencies.percentile_ms(percent))));
    }
    line.more.insert("first_second_faults".to_owned(), json!(first.outcome.faults));
    line.more.insert("arrivals_per_second".to_owned(), json!(rounded(rate)));
    Ok(line)
}

/// Far more clients than the service admits, all of them at the same instant, each of which comes again when
/// it was told to: how long it takes to be told, then and later, and what that costs those who are admitted.
///
/// # Errors
/// Where the service fails.
pub async fn overload(
    rounds: RoundPlan,
    cluster: &Cluster,
    ours: &mut EngineUnderTest,
) -> anyhow::Result<ResultLine> {
    analyze_and_checkpoint(cluster, ours.database()).await?;
    eprintln!("overload: {CROWD} clients");
    let round = ours.round(Workload::Spread, Pattern::Closed(CROWD), rounds.seconds).await?;
    let (at_once, later) = (round.outcome.overloaded_at_once.clone(), round.outcome.overloaded.clone());
    let mut line = line_of_ours("overload", &[round]);
    for (name, mut refusals) in [("overloaded_at_once", at_once), ("overloaded", later)] {
        for percent in [50.0, 99.0] {
            let name = format!("{name}_p{percent:.0}_ms");
            line.more.insert(name, json!(rounded(refusals.percentile_ms(percent))));
        }
    }
    line.more.insert("clients".to_owned(), json!(CROWD));
    Ok(line)
}

/// How long the refusal of a taken seat takes: over HTTP, one request after the other, and inside the
/// service by its own histogram of these requests.
///
/// # Errors
/// Where the service fails.
pub async fn refusals(rounds: RoundPlan, ours: &mut EngineUnderTest) -> anyhow::Result<ResultLine> {
    eprintln!("taken_seat_refused ...");
    let sale = ours.sale(Workload::HotFlight, 1).await?;
    // Some seats have to be sold first.
    let (_, sale) = ours.load(Workload::HotFlight, sale, Pattern::Closed(4), 1).await?;
    let (outcome, inside) = ours.refusals(sale, rounds.seconds.min(5)).await?;
    let mut latencies = outcome.latencies;
    let mut line = ResultLine {
        what: "taken_seat_refused".to_owned(),
        ours: Some(inside),
        unit: "ms, p50 inside the service (http_request_seconds); p50, p99 over HTTP",
        p50_ms: Some(latencies.percentile_ms(50.0)),
        p99_ms: Some(latencies.percentile_ms(99.0)),
        ..ResultLine::default()
    };
    line.more.insert("refusals".to_owned(), json!(outcome.refused));
    line.more.insert("faults".to_owned(), json!(outcome.faults));
    line.more.insert("booked".to_owned(), json!(outcome.booked));
    Ok(line)
}

/// The rate with so many bookings stored, against that of an empty database, in alternating rounds; how
/// long a check of all invariants then takes; and the seats that were sold beside those.
///
/// # Errors
/// Where a service fails, or the bookings cannot be stored.
pub async fn flat_cost(
    bookings: i64,
    rounds: RoundPlan,
    cluster: &Cluster,
    tuning: ServiceTuning,
) -> anyhow::Result<([ResultLine; 2], SeatCount)> {
    eprintln!("stored: storing {bookings} bookings (some minutes) ...");
    let began = Instant::now();
    let empty = cluster.create("ours_empty", "booking", booking::MIGRATIONS).await?;
    let full = cluster.create("ours_stored", "booking", booking::MIGRATIONS).await?;
    stored::fill(&mut full.connect().await?, bookings).await?;
    let size = "SELECT pg_database_size(current_database()) AS number";
    let bytes_per_booking = full.number(size).await? / bookings.max(1);
    let index_entries = index_entries(&full).await?;
    eprintln!(
        "stored: stored within {:.0} s, {bytes_per_booking} bytes a booking",
        began.elapsed().as_secs_f64()
    );
    let config = full.config.clone();
    let mut sides = [
        ("empty", EngineUnderTest::start(empty, tuning).await?, Vec::new()),
        ("full", EngineUnderTest::start(full, tuning).await?, Vec::new()),
    ];
    let pattern = Pattern::Closed(rounds.clients);
    for number in 0..=rounds.count {
        for (name, ours, measured) in &mut sides {
            analyze_and_checkpoint(cluster, ours.database()).await?;
            let round = ours.round(Workload::HotFlight, pattern, rounds.seconds).await?;
            eprintln!("stored: round {number}, {name}: {:.1}/s", round.outcome.rate());
            // The first one warms up.
            if number > 0 {
                measured.push(round);
            }
        }
    }
    let [(_, empty, without), (_, full, with)] = sides;
    let seats = full.seats().await?;
    empty.stop().await?;
    full.stop().await?;
    let rates = |rounds: &[EngineRound]| rounds.iter().map(|round| round.outcome.rate()).collect::<Vec<_>>();
    let mut line = line_of_ours(&format!("stored_{bookings}"), &with);
    let baseline = median(&rates(&without));
    line.baseline = Some(baseline);
    line.ratio = line.ours.and_then(|ours| ratio(ours, baseline));
    line.unit = "bookings/s; the baseline is ours with an empty database";
    line.more.insert("empty_rounds".to_owned(), rounded_all(&rates(&without)));
    line.more.insert("bytes_per_booking".to_owned(), json!(bytes_per_booking));
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let entries_per_booking = rounded(index_entries as f64 / bookings.max(1) as f64);
    line.more.insert("index_entries_per_booking".to_owned(), json!(entries_per_booking));
    line.more.insert("seats_so_far".to_owned(), seats.shown());
    Ok(([line, invariants(bookings, &config).await?], seats))
}

/// Entries of all indexes, as they were counted when the tables were vacuumed.
async fn index_entries(database: &ServiceDatabase) -> anyhow::Result<i64> {
    let entries = "SELECT sum(greatest(reltuples, 0))::bigint AS number FROM pg_class \
                   WHERE relkind = 'i' AND relnamespace = current_schema()::regnamespace";
    database.number(entries).await
}

/// How long a check of all invariants takes.
async fn invariants(bookings: i64, database: &DatabaseConfig) -> anyhow::Result<ResultLine> {
    eprintln!("stored: checking the invariants ...");
    let began = Instant::now();
    let report = booking::invariants::check(database).await?;
    let mut line = ResultLine {
        what: format!("invariants_{bookings}"),
        ours: Some(began.elapsed().as_secs_f64()),
        unit: "s, all of them once",
        ..ResultLine::default()
    };
    line.more.insert("invariants".to_owned(), json!(report.invariants));
    line.more.insert("broken".to_owned(), json!(report.broken.len()));
    Ok(line)
}

/// The rate of a line that was measured.
///
/// # Errors
/// Where it was not.
pub fn peak(lines: &[ResultLine]) -> anyhow::Result<f64> {
    let hot = lines.iter().find(|line| line.what == Workload::HotFlight.name());
    hot.and_then(|line| line.ours).context("hot_flight has to be measured for its peak rate")
}
