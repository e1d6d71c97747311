//! Alternating rounds of both sides, and what comes of them.

use super::{
    baseline_database::BaselineDatabase,
    engine_under_test::{EngineRound, EngineUnderTest, Pattern},
    load::LoadOutcome,
    workload::Workload,
};
use crate::{
    cluster::{Cluster, ServiceDatabase},
    report::{ResultLine, ratio, rounded},
    statistics::{Latencies, median},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Client counts of the baseline; the better one counts.
const BASELINE_CLIENTS: [usize; 2] = [16, 64];

/// Seconds of the round that warms each side up.
const WARM_UP: u64 = 2;

/// How often, and how long.
#[derive(Debug, Clone, Copy)]
pub struct RoundPlan {
    /// Rounds of each side.
    pub count: usize,
    /// Seconds a round.
    pub seconds: u64,
    /// Clients of ours.
    pub clients: usize,
}

/// The rounds of the baseline with one number of clients.
#[derive(Default)]
struct BaselineRounds {
    rates: Vec<f64>,
    latencies: Latencies,
}

/// Measures a workload on both sides.
///
/// # Errors
/// Where one of them fails.
pub async fn compare(
    workload: Workload,
    rounds: RoundPlan,
    cluster: &Cluster,
    ours: &mut EngineUnderTest,
    baseline: &mut BaselineDatabase,
) -> anyhow::Result<ResultLine> {
    let name = workload.name();
    eprintln!("{name}: warming up ...");
    let flights = EngineUnderTest::flights(workload, rounds.seconds);
    let pattern = Pattern::Closed(rounds.clients);
    ours.round(workload, pattern, WARM_UP).await?;
    let event = ours.event(if workload.is_paid() { "booking.confirmed" } else { "booking.held" }).await?;
    baseline.round(workload, BASELINE_CLIENTS[0], (WARM_UP, flights), &event).await?;

    let before = [rows(ours.database()).await?, rows(baseline.database()).await?];
    let mut plain: [BaselineRounds; 2] = Default::default();
    let mut rounds_of_ours: Vec<EngineRound> = Vec::new();
    for number in 1..=rounds.count {
        for (side, clients) in plain.iter_mut().zip(BASELINE_CLIENTS) {
            analyze_and_checkpoint(cluster, baseline.database()).await?;
            let round = baseline.round(workload, clients, (rounds.seconds, flights), &event).await?;
            eprintln!("{name}: round {number}, baseline with {clients} clients: {:.1}/s", round.rate);
            side.rates.push(round.rate);
            side.latencies.add(&round.latencies);
        }
        analyze_and_checkpoint(cluster, ours.database()).await?;
        let round = ours.round(workload, pattern, rounds.seconds).await?;
        eprintln!(
            "{name}: round {number}, ours with {} clients: {:.1}/s",
            rounds.clients,
            round.outcome.rate()
        );
        rounds_of_ours.push(round);
    }
    let after = [rows(ours.database()).await?, rows(baseline.database()).await?];
    let [ours_rows, baseline_rows] = [0, 1].map(|side| per_booking(&before[side], &after[side]));

    let mut line = line_of_ours(name, &rounds_of_ours);
    add_baseline(&mut line, plain);
    line.more.insert("rows_per_booking".to_owned(), json!({"ours": ours_rows, "baseline": baseline_rows}));
    let seats = ours.seats().await?;
    line.more.insert("seats_so_far".to_owned(), seats.shown());
    Ok(line)
}

/// What a server does by itself in time is done before a round: the tables' statistics are fresh, and
/// what was written is on disk.
pub(crate) async fn analyze_and_checkpoint(
    cluster: &Cluster,
    database: &ServiceDatabase,
) -> anyhow::Result<()> {
    database.analyze().await?;
    cluster.checkpoint().await
}

/// What rounds of ours say by themselves.
pub(super) fn line_of_ours(what: &str, rounds: &[EngineRound]) -> ResultLine {
    let rates: Vec<f64> = rounds.iter().map(|round| round.outcome.rate()).collect();
    let commands: Vec<f64> = rounds.iter().map(|round| round.commands_per_commit).collect();
    let transactions: Vec<f64> = rounds.iter().map(|round| round.transaction_ms).collect();
    let mut total = LoadOutcome::default();
    rounds.iter().for_each(|round| total.add(&round.outcome));
    let mut more = Map::new();
    more.insert("ours_rounds".to_owned(), rounded_all(&rates));
    more.insert("commands_per_commit".to_owned(), json!(rounded(median(&commands))));
    more.insert("ledger_transaction_ms".to_owned(), json!(rounded(median(&transactions))));
    more.insert("bookings".to_owned(), json!(total.booked));
    more.insert("refusals".to_owned(), json!(total.refused));
    more.insert("faults".to_owned(), json!(total.faults));
    if total.sold_out {
        more.insert("note".to_owned(), json!("a round ended early: no flights were left"));
    }
    ResultLine {
        what: what.to_owned(),
        ours: Some(median(&rates)),
        unit: "bookings/s",
        p50_ms: Some(total.latencies.percentile_ms(50.0)),
        p99_ms: Some(total.latencies.percentile_ms(99.0)),
        more,
        ..ResultLine::default()
    }
}

/// Adds the better of the baseline's client counts, and both to what more there is.
fn add_baseline(line: &mut ResultLine, plain: [BaselineRounds; 2]) {
    for (mut side, clients) in plain.into_iter().zip(BASELINE_CLIENTS) {
        let rate = median(&side.rates);
        let figures = json!({
            "rate": rounded(rate), "rounds": rounded_all(&side.rates),
            "p50_ms": rounded(side.latencies.percentile_ms(50.0)),
            "p99_ms": rounded(side.latencies.percentile_ms(99.0)),
        });
        line.more.insert(format!("baseline_{clients}_clients"), figures);
        line.baseline = Some(line.baseline.unwrap_or(0.0).max(rate));
    }
    line.ratio = line.ours.zip(line.baseline).and_then(|(ours, baseline)| ratio(ours, baseline));
}

pub(crate) fn rounded_all(values: &[f64]) -> Value {
    values.iter().map(|value| rounded(*value)).collect::<Vec<_>>().into()
}

type RowCounts = BTreeMap<String, i64>;

async fn rows(database: &ServiceDatabase) -> anyhow::Result<RowCounts> {
    database.rows().await
}

/// Rows written for a booking: in all, and by table.
fn per_booking(before: &RowCounts, after: &RowCounts) -> Value {
    let grown = |table: &String| after[table] - before.get(table).copied().unwrap_or(0);
    let bookings = after.keys().find(|table| *table == "bookings").map_or(1, grown).max(1);
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let share = |rows: i64| rounded(rows as f64 / bookings as f64);
    let mut result = Map::new();
    result.insert("all".to_owned(), json!(share(after.keys().map(grown).sum())));
    for table in after.keys().filter(|table| grown(table) > 0) {
        result.insert(table.clone(), json!(share(grown(table))));
    }
    result.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_booking() {
        let rows = |bookings, entries, refunds| {
            RowCounts::from([
                ("bookings".to_owned(), bookings),
                ("ledger_entries".to_owned(), entries),
                ("refunds".to_owned(), refunds),
            ])
        };
        let counted = per_booking(&rows(10, 30, 1), &rows(20, 60, 1));
        assert_eq!(counted, json!({"all": 4.0, "bookings": 1.0, "ledger_entries": 3.0}));
    }

    #[test]
    fn the_better_of_the_baselines_counts() {
        let round = |booked| EngineRound {
            outcome: LoadOutcome {
                booked,
                lasted: std::time::Duration::from_secs(1),
                ..LoadOutcome::default()
            },
            commands_per_commit: 8.0,
            transaction_ms: 2.0,
        };
        let mut line = line_of_ours("hot_flight", &[round(100), round(300), round(200)]);
        let plain = |rates: &[f64]| BaselineRounds { rates: rates.to_vec(), latencies: Latencies::default() };
        add_baseline(&mut line, [plain(&[10.0, 30.0, 20.0]), plain(&[25.0, 24.0, 90.0])]);
        assert_eq!((line.ours, line.baseline, line.ratio), (Some(200.0), Some(25.0), Some(8.0)));
        assert_eq!(line.more["baseline_16_clients"]["rate"], 20.0);
        assert_eq!(line.more["commands_per_commit"], 8.0);
    }
}
