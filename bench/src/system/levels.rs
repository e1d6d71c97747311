//! A number of clients: alternating rounds of the plain design and of the whole.

use super::{
    figures::{PlainFigures, WholeFigures, costs_json},
    plain::PlainUnderTest,
    whole::WholeUnderTest,
};
use crate::{
    booking::{
        comparison::{analyze_and_checkpoint, rounded_all},
        engine_under_test::{EngineUnderTest, Pattern},
        workload::Workload,
    },
    cluster::Cluster,
    report::{self, ResultLine, ratio, rounded},
    statistics::{Latencies, median},
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub struct SystemRounds {
    /// Rounds of each side.
    pub count: usize,
    /// Seconds a round.
    pub seconds: u64,
    /// How long letters are waited for, after all rounds of a level together.
    pub patience: Duration,
}

impl SystemRounds {
    /// How long letters are waited for after one round.
    #[must_use]
    pub fn patience_of_one(&self) -> Duration {
        self.patience / u32::try_from(self.count.max(1)).unwrap_or(u32::MAX)
    }
}

/// All rounds with the same number of clients.
#[derive(Debug, Clone, Default)]
pub struct LevelFigures {
    /// How many.
    pub clients: usize,
    /// The whole.
    pub whole: WholeFigures,
    /// The plain design.
    pub plain: PlainFigures,
    /// Bookings a second of booking alone, of each round; empty where it was not asked.
    pub alone: Vec<f64>,
}

/// What is measured in turn.
pub struct Sides<'a> {
    /// The server of all.
    pub cluster: &'a Cluster,
    /// The plain design.
    pub plain: &'a mut PlainUnderTest,
    /// The whole.
    pub whole: &'a mut WholeUnderTest,
    /// Booking alone, where it is asked.
    pub alone: Option<&'a mut EngineUnderTest>,
}

/// Measures so many clients. `idle`: transactions a second of an idle installation.
///
/// # Errors
/// Where a side fails.
pub async fn measure(
    sides: Sides<'_>,
    rounds: SystemRounds,
    clients: usize,
    idle: f64,
) -> anyhow::Result<LevelFigures> {
    let Sides { cluster, plain, whole, mut alone } = sides;
    let mut level = LevelFigures { clients, ..LevelFigures::default() };
    let mut transactions = TransactionCount::default();
    for number in 1..=rounds.count {
        analyze_and_checkpoint(cluster, plain.database()).await?;
        let of_plain = plain.round(clients, rounds.seconds).await?;
        level.plain.add(&of_plain);
        analyze_and_checkpoint(cluster, whole.database()).await?;
        transactions.begin(whole).await?;
        let of_whole =
            whole.round(Pattern::Closed(clients), rounds.seconds, rounds.patience_of_one()).await?;
        transactions.end();
        level.whole.add(&of_whole);
        let (rate, plain_rate) = (of_whole.outcome.rate(), of_plain.rate);
        eprintln!("  {clients} clients, round {number}: whole {rate:.1}/s, plain {plain_rate:.1}/s");
        if let Some(alone) = &mut alone {
            analyze_and_checkpoint(cluster, alone.database()).await?;
            let round = alone.round(Workload::Spread, Pattern::Closed(clients), rounds.seconds).await?;
            eprintln!("  {clients} clients, round {number}: booking alone {:.1}/s", round.outcome.rate());
            level.alone.push(round.outcome.rate());
        }
    }
    level.whole.transactions = transactions.of_load(whole, idle).await?;
    Ok(level)
}

/// Rounds of the whole alone. `idle`: transactions a second of an idle installation.
///
/// # Errors
/// Where it fails.
pub async fn measure_whole(
    cluster: &Cluster,
    whole: &mut WholeUnderTest,
    rounds: SystemRounds,
    clients: usize,
    idle: f64,
) -> anyhow::Result<WholeFigures> {
    let mut figures = WholeFigures::default();
    let mut transactions = TransactionCount::default();
    for number in 1..=rounds.count {
        analyze_and_checkpoint(cluster, whole.database()).await?;
        transactions.begin(whole).await?;
        let round = whole.round(Pattern::Closed(clients), rounds.seconds, rounds.patience_of_one()).await?;
        transactions.end();
        eprintln!(
            "  {clients} clients, round {number}, without the mailer: whole {:.1}/s",
            round.outcome.rate()
        );
        figures.add(&round);
    }
    figures.transactions = transactions.of_load(whole, idle).await?;
    Ok(figures)
}

/// Transactions of all rounds of a level. The server's processes tell theirs up to ten seconds late, so that a single
/// round cannot be told: what comes between the rounds is counted, too, and what an idle installation does in that
/// time is taken off.
#[derive(Default)]
struct TransactionCount {
    /// When the first round began, and the transactions by then.
    began: Option<(Instant, i64)>,
    round: Option<Instant>,
    active: Duration,
}

impl TransactionCount {
    async fn begin(&mut self, whole: &mut WholeUnderTest) -> anyhow::Result<()> {
        if self.began.is_none() {
            self.began = Some((Instant::now(), whole.sql().await?.transactions));
        }
        self.round = Some(Instant::now());
        Ok(())
    }

    fn end(&mut self) {
        self.active += self.round.take().map_or(Duration::ZERO, |began| began.elapsed());
    }

    async fn of_load(&self, whole: &mut WholeUnderTest, idle: f64) -> anyhow::Result<f64> {
        let Some((began, before)) = self.began else { return Ok(0.0) };
        let between = began.elapsed().saturating_sub(self.active).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let counted = (whole.sql().await?.transactions - before) as f64;
        Ok((counted - idle * between).max(0.0))
    }
}

impl LevelFigures {
    /// p50 of the whole, in times of the plain design's.
    #[must_use]
    pub fn p50_ratio(&self) -> Option<f64> {
        let p50 = |latencies: &Latencies| latencies.clone().percentile_ms(50.0);
        ratio(p50(&self.whole.outcome.latencies), p50(&self.plain.latencies))
    }

    /// Bookings a second of booking alone.
    #[must_use]
    pub fn alone_rate(&self) -> f64 {
        median(&self.alone)
    }

    /// For the last line.
    #[must_use]
    pub fn line(&self, mode: &str) -> ResultLine {
        let mut line = whole_line(format!("{mode}_{}", self.clients), &self.whole);
        line.baseline = Some(self.plain.rate());
        line.ratio = ratio(self.whole.rate(), self.plain.rate());
        let mut latencies = self.plain.latencies.clone();
        let plain = json!({
            "rounds": rounded_all(&self.plain.rates), "cpu_us_per_booking": rounded(self.plain.cpu()),
            "p50_ms": rounded(latencies.percentile_ms(50.0)), "p99_ms": rounded(latencies.percentile_ms(99.0)),
            "per_booking": self.plain.sql_shown(),
        });
        line.more.insert("plain".to_owned(), plain);
        let times = ratio(self.whole.cpu().counted(), self.plain.cpu());
        line.more.insert("cpu_in_times_of_plain".to_owned(), json!(times.map(rounded)));
        if !self.alone.is_empty() {
            let alone = json!({
                "rounds": rounded_all(&self.alone),
                "whole_in_times_of_it": ratio(self.whole.rate(), self.alone_rate()).map(rounded),
            });
            line.more.insert("booking_alone".to_owned(), alone);
        }
        line
    }
}

/// What the rounds of the whole say by themselves.
#[must_use]
pub fn whole_line(what: String, whole: &WholeFigures) -> ResultLine {
    let mut latencies = whole.outcome.latencies.clone();
    let cpu = whole.cpu();
    let by_thread = whole.cpu_by_thread().into_iter();
    let by_thread: Map<String, Value> =
        by_thread.map(|(process, threads)| (process, costs_json(&threads))).collect();
    let mut more = Map::new();
    more.insert("rounds".to_owned(), rounded_all(&whole.rates));
    more.insert("bookings".to_owned(), json!(whole.outcome.booked));
    more.insert("refusals".to_owned(), json!(whole.outcome.refused));
    more.insert("faults".to_owned(), json!(whole.outcome.faults));
    more.insert("sold_out".to_owned(), json!(whole.outcome.sold_out));
    more.insert("letters".to_owned(), whole.letters_shown());
    let shown = json!({
        "counted": rounded(cpu.counted()), "aerobus": rounded(cpu.aerobus), "postgresql": rounded(cpu.postgres),
        "rabbitmq": rounded(cpu.broker), "smtp_sink": rounded(cpu.sink), "load_generator": rounded(cpu.generator),
    });
    more.insert("cpu_us_per_booking".to_owned(), shown);
    more.insert("cpu_us_per_booking_by_thread".to_owned(), by_thread.into());
    more.insert("per_booking".to_owned(), whole.sql_shown());
    ResultLine {
        what,
        ours: Some(whole.rate()),
        unit: "bookings/s",
        p50_ms: Some(latencies.percentile_ms(50.0)),
        p99_ms: Some(latencies.percentile_ms(99.0)),
        more,
        ..ResultLine::default()
    }
}

/// Prints a line of the whole; its costs by thread in the order of their size.
pub fn print(line: &ResultLine, whole: &WholeFigures) {
    let mut shown = line.clone();
    shown.more.remove("cpu_us_per_booking_by_thread");
    shown.more.retain(|_, value| {
        !matches!(value, Value::Bool(false)) && value.as_object().is_none_or(|map| !map.is_empty())
    });
    report::print_line(&shown);
    for (process, threads) in whole.cpu_by_thread() {
        let threads: Vec<_> = threads.into_iter().map(|(name, cost)| format!("{name} {cost:.0}")).collect();
        println!("    cpu of {process}: {}", threads.join(", "));
    }
}

/// Prints the statements that took the most time.
pub fn print_statements(whole: &WholeFigures, count: usize) {
    for (role, statement) in whole.sql.slowest(count) {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let each = |sum: f64| sum / statement.calls.max(1) as f64;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let rows = statement.rows as f64;
        let text = statement.query.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().take(160).collect();
        println!(
            "    {:>9.1} ms, {:>7} calls of {:.3} ms (planning {:.3} ms), {:.1} rows, {role}: {text}",
            statement.exec_ms + statement.plan_ms,
            statement.calls,
            each(statement.exec_ms),
            each(statement.plan_ms),
            each(rows),
        );
    }
}
