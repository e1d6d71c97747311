//! `./dev bench flight`: search over half a million flights: in the index, against RAPTOR, and over HTTP.
//!
//! | file | what |
//! |---|---|
//! | [`flight_bench`] | what can be set, and what is measured on |
//! | [`network`], [`questions`] | the flights, and what is asked |
//! | [`index_figures`] | searches, memory and changes of the index by itself |
//! | [`raptor`] | connections against the crate `vulture` |
//! | [`http_figures`] | the start from the database, search and places over HTTP |
//! | [`stored_network`], [`flight_process`], [`http_load`] | the network in the database, the service as a process, the clients |
//! | [`durations`] | durations by percentiles |

pub mod durations;
pub mod flight_bench;
pub mod flight_process;
pub mod http_figures;
pub mod http_load;
pub mod index_figures;
pub mod network;
pub mod questions;
pub mod raptor;
pub mod stored_network;

use crate::{
    cluster::Cluster,
    machine::Machine,
    report::{self, ResultLine},
};
use anyhow::Context;
use flight_bench::{ALL, HTTP, INDEX, RAPTOR};

pub use flight_bench::{FlightBench, FlightOptions};

/// Runs the benchmark.
///
/// # Errors
/// Where something does not start, or an answer is not as it should be.
pub async fn run(options: &FlightOptions) -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let parent = options.data_dir.clone();
    eprintln!("Starting a private PostgreSQL ...");
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&parent)).await??;
    let machine =
        Machine::look(cluster.folder(), cluster.settings()).context("the machine could not be looked at")?;
    report::print_head(&machine);
    let bench = FlightBench::new(options.clone());
    let mut lines = Vec::new();
    for what in ALL.into_iter().filter(|what| options.wants(what)) {
        for line in
            measure(&bench, &cluster, what).await.with_context(|| format!("{what} was not measured"))?
        {
            report::print_line(&line);
            lines.push(line);
        }
    }
    println!("{}", report::json_line("flight", &machine, &lines));
    Ok(())
}

async fn measure(bench: &FlightBench, cluster: &Cluster, what: &str) -> anyhow::Result<Vec<ResultLine>> {
    match what {
        INDEX => index_figures::measure(bench),
        RAPTOR => raptor::measure(bench),
        HTTP => http_figures::measure(bench, cluster).await,
        _ => Ok(Vec::new()),
    }
}
