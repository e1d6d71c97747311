//! `./dev bench gateway`: what the gateway adds to an answer, against nginx's `proxy_pass`.
//!
//! | file | what |
//! |---|---|
//! | [`gateway_bench`] | what can be set, and what runs meanwhile |
//! | [`upstream_service`] | the service behind both: our server with an answer of its own, a process |
//! | [`gateway_process`] | the gateway as a process |
//! | [`nginx`] | nginx with a private configuration |
//! | [`callers`] | the callers: accounts, addresses, the bytes of requests |
//! | [`closed_load`], [`steady_load`] | the clients: as fast as they are answered, and at a steady rate |
//! | [`small_answers`], [`added_latency`], [`memory`] | what is measured |
//! | [`floods`] | also measured, with all services: a client beside the flood of another one |
//!
//! A new measurement is a file with a function `measure(&GatewayBench) -> anyhow::Result<Vec<ResultLine>>`, a name in
//! [`gateway_bench`], and a line in `measure`.

pub mod added_latency;
pub mod callers;
pub mod closed_load;
pub mod floods;
pub mod gateway_bench;
pub mod gateway_process;
pub mod memory;
pub mod nginx;
pub mod small_answers;
pub mod steady_load;
pub mod upstream_service;

use crate::{
    machine::Machine,
    report::{self, ResultLine},
};
use anyhow::Context;
use gateway_bench::{ADDED_LATENCY, ALL, FLOODS, MEMORY, SMALL_ANSWERS};

pub use gateway_bench::{GatewayBench, GatewayOptions};

/// Runs the benchmark.
///
/// # Errors
/// Where something does not start, or a request is not answered as it should be.
pub async fn run(options: &GatewayOptions) -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let bench = GatewayBench::start(options.clone()).await?;
    let version = bench.nginx.version.clone();
    let machine = Machine::look(&bench.cluster.folder().join("scratch"), version)
        .context("the machine could not be looked at")?;
    report::print_head(&machine);
    let mut lines = Vec::new();
    for what in ALL.into_iter().filter(|what| options.wants(what)) {
        for line in measure(&bench, what).await.with_context(|| format!("{what} was not measured"))? {
            report::print_line(&line);
            lines.push(line);
        }
    }
    println!("{}", report::json_line("gateway", &machine, &lines));
    bench.stop().await
}

async fn measure(bench: &GatewayBench, what: &str) -> anyhow::Result<Vec<ResultLine>> {
    match what {
        SMALL_ANSWERS => small_answers::measure(bench).await,
        ADDED_LATENCY => added_latency::measure(bench).await,
        MEMORY => memory::measure(bench).await,
        FLOODS => floods::measure(bench).await,
        _ => Ok(Vec::new()),
    }
}
