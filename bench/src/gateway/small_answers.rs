//! Requests a second: small answers through the gateway and through nginx, in alternating rounds.

use super::{
    closed_load::{self, LoadEnd, LoadOutcome},
    gateway_bench::GatewayBench,
};
use crate::{
    report::{self, ResultLine, rounded},
    statistics::{Latencies, median},
    system::cpu::CpuSample,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

/// A time before the first round in which caches fill: tokens, connections, counts of clients.
const WARM_UP: Duration = Duration::from_secs(2);

/// The rounds of one side.
#[derive(Default)]
struct SideRounds {
    rates: Vec<f64>,
    /// Processor time of the side itself for a request, microseconds.
    cpu_micros: Vec<f64>,
    latencies: Latencies,
}

impl SideRounds {
    fn note(&mut self, outcome: &LoadOutcome, nanos: u64) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (nanos, answered) = (nanos as f64, outcome.latencies.count().max(1) as f64);
        self.rates.push(outcome.rate());
        self.cpu_micros.push(nanos / 1000.0 / answered);
        self.latencies.add(&outcome.latencies);
    }

    fn shown(&mut self) -> Value {
        json!({
            "rounds": self.rates.iter().map(|rate| rate.round()).collect::<Vec<_>>(),
            "cpu_micros_per_request": rounded(median(&self.cpu_micros)),
            "p50_ms": rounded(self.latencies.percentile_ms(50.0)),
            "p99_ms": rounded(self.latencies.percentile_ms(99.0)),
        })
    }
}

/// Measures both sides.
///
/// # Errors
/// Those of the load.
pub async fn measure(bench: &GatewayBench) -> anyhow::Result<Vec<ResultLine>> {
    let (mut ours, mut baseline) = rounds(bench).await?;
    let (rate, reference) = (median(&ours.rates), median(&baseline.rates));
    bench.rate.set(Some(rate));
    let mut line = ResultLine {
        what: super::SMALL_ANSWERS.to_owned(),
        ours: Some(rate),
        baseline: Some(reference),
        unit: "requests/s",
        ratio: report::ratio(rate, reference),
        p50_ms: Some(ours.latencies.percentile_ms(50.0)),
        p99_ms: Some(ours.latencies.percentile_ms(99.0)),
        ..ResultLine::default()
    };
    line.more.insert("clients".to_owned(), json!(bench.options.clients));
    line.more.insert("gateway".to_owned(), ours.shown());
    line.more.insert("nginx".to_owned(), baseline.shown());
    Ok(vec![line])
}

/// The gateway's requests a second.
///
/// # Errors
/// Those of the load.
pub(super) async fn rate(bench: &GatewayBench) -> anyhow::Result<f64> {
    if let Some(rate) = bench.rate.get() {
        return Ok(rate);
    }
    let (ours, _) = rounds(bench).await?;
    Ok(median(&ours.rates))
}

/// The alternating rounds.
async fn rounds(bench: &GatewayBench) -> anyhow::Result<(SideRounds, SideRounds)> {
    let (gateway, nginx) = (bench.gateway.address, bench.nginx.address);
    for address in [gateway, nginx] {
        load(bench, address, WARM_UP.min(bench.options.time())).await?;
    }
    let (mut ours, mut baseline) = (SideRounds::default(), SideRounds::default());
    for round in 1..=bench.options.rounds() {
        eprintln!("small_answers: round {round} ...");
        let before = bench.nginx.cpu();
        let outcome = load(bench, nginx, bench.options.time()).await?;
        baseline.note(&outcome, used(&bench.nginx.cpu(), &before));
        let before = bench.gateway.cpu();
        let outcome = load(bench, gateway, bench.options.time()).await?;
        ours.note(&outcome, used(&bench.gateway.cpu(), &before));
        bench.gateway.clear_log()?;
    }
    Ok((ours, baseline))
}

fn used(now: &CpuSample, before: &CpuSample) -> u64 {
    now.since(before).total()
}

async fn load(bench: &GatewayBench, address: SocketAddr, time: Duration) -> anyhow::Result<LoadOutcome> {
    closed_load::run(address, &bench.callers, bench.options.clients.max(1), LoadEnd::After(time)).await
}
