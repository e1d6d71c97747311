//! What the way through the gateway adds to an answer at half load: the same steady rate to the service itself, through
//! the gateway and through nginx, in alternating rounds.

use super::{gateway_bench::GatewayBench, small_answers, steady_load};
use crate::{
    report::{self, ResultLine, rounded},
    statistics::Latencies,
};
use serde_json::json;

/// Measures the gateway and nginx.
///
/// # Errors
/// Those of the load.
pub async fn measure(bench: &GatewayBench) -> anyhow::Result<Vec<ResultLine>> {
    let rate = small_answers::rate(bench).await? / 2.0;
    let sides = [bench.upstream.address, bench.gateway.address, bench.nginx.address];
    let mut latencies = [Latencies::default(), Latencies::default(), Latencies::default()];
    for round in 1..=bench.options.rounds() {
        eprintln!("added_latency: round {round} ...");
        for (address, all) in sides.into_iter().zip(&mut latencies) {
            all.add(&steady_load::run(address, &bench.callers, rate, bench.options.time())?);
        }
        bench.gateway.clear_log()?;
    }
    let [direct, gateway, nginx] = &mut latencies;
    let added = |through: &mut Latencies, direct: &mut Latencies, percent| {
        (through.percentile_ms(percent) - direct.percentile_ms(percent)).max(0.0)
    };
    let (p50, p99) = (added(gateway, direct, 50.0), added(gateway, direct, 99.0));
    let (reference, reference_p99) = (added(nginx, direct, 50.0), added(nginx, direct, 99.0));
    let mut line = ResultLine {
        what: super::ADDED_LATENCY.to_owned(),
        ours: Some(p50 * 1000.0),
        baseline: Some(reference * 1000.0),
        unit: "microseconds added to the p50; p50 and p99 are added, too",
        ratio: report::ratio(p50, reference),
        p50_ms: Some(p50),
        p99_ms: Some(p99),
        ..ResultLine::default()
    };
    let figures = |latencies: &mut Latencies| {
        json!({
            "requests": latencies.count(),
            "p50_micros": (latencies.percentile_ms(50.0) * 1000.0).round(),
            "p99_micros": (latencies.percentile_ms(99.0) * 1000.0).round(),
        })
    };
    line.more.insert("requests_a_second".to_owned(), json!(rate.round()));
    line.more.insert("direct".to_owned(), figures(direct));
    line.more.insert("through_gateway".to_owned(), figures(gateway));
    line.more.insert("through_nginx".to_owned(), figures(nginx));
    line.more.insert("nginx_added_p99_ms".to_owned(), json!(rounded(reference_p99)));
    Ok(vec![line])
}
