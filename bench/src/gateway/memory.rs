//! The gateway's memory over a million requests of a hundred thousand client addresses.

use super::{
    closed_load::{self, LoadEnd},
    gateway_bench::GatewayBench,
};
use crate::report::{self, ResultLine};
use serde_json::json;

/// Parts in which the requests are made; the memory is looked at after each.
const PARTS: usize = 10;

/// Measures the gateway.
///
/// # Errors
/// Those of the load.
pub async fn measure(bench: &GatewayBench) -> anyhow::Result<Vec<ResultLine>> {
    let (requests, addresses) = (bench.options.requests(), bench.options.addresses);
    let callers = bench.callers.at_addresses(addresses);
    let before = bench.gateway.resident_kib();
    let mut after = Vec::with_capacity(PARTS);
    for part in 1..=PARTS {
        eprintln!("memory: {} of {requests} requests ...", requests / PARTS * part);
        let end = LoadEnd::Requests(requests / PARTS);
        closed_load::run(bench.gateway.address, &callers, bench.options.clients.max(1), end).await?;
        bench.gateway.clear_log()?;
        after.push(bench.gateway.resident_kib());
    }
    // The first parts fill the caches: each address has come once after the first of a million requests.
    let mib = |kib: u64| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let kib = kib as f64;
        kib / 1024.0
    };
    let settled = after.get(PARTS / 2 - 1).copied().unwrap_or(before);
    let last = after.last().copied().unwrap_or(before);
    let mut line = ResultLine {
        what: super::MEMORY.to_owned(),
        ours: Some(mib(last)),
        baseline: Some(mib(settled)),
        unit: "MiB at the end, against the half of the requests",
        ratio: report::ratio(mib(last), mib(settled)),
        ..ResultLine::default()
    };
    line.more.insert("requests".to_owned(), json!(requests));
    line.more.insert("addresses".to_owned(), json!(addresses));
    line.more.insert("mib_before".to_owned(), json!(mib(before).round()));
    let parts: Vec<f64> = after.iter().map(|kib| mib(*kib).round()).collect();
    line.more.insert("mib_after_each_tenth".to_owned(), json!(parts));
    Ok(vec![line])
}
