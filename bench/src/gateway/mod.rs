//! `./dev bench gateway`: what the gateway adds to an answer, against nginx's `proxy_pass`.
//!
//! | file | what |
//! |---|---|
//! | [`upstream_service`] | the service behind both: our server with an answer of its own, a process |
//! | [`gateway_process`] | the gateway as a process |
//! | [`nginx`] | nginx with a private configuration |
//! | [`callers`] | who asks: accounts, addresses, the bytes of requests |
//! | [`closed_load`], [`steady_load`] | the clients: as fast as they are answered, and at a steady rate |
//! | [`small_answers`], [`added_latency`], [`memory`] | what is measured |
//! | [`floods`] | also measured, with all services: a client beside the flood of another one |
//!
//! A new measurement is a file with a function `measure(&GatewayBench) -> anyhow::Result<Vec<ResultLine>>`, a name in
//! [`ALL`], and a line in [`measure`].

pub mod added_latency;
pub mod callers;
pub mod closed_load;
pub mod floods;
pub mod gateway_process;
pub mod memory;
pub mod nginx;
pub mod small_answers;
pub mod steady_load;
pub mod upstream_service;

use crate::{
    cluster::Cluster,
    machine::Machine,
    report::{self, ResultLine},
};
use anyhow::Context;
use callers::Callers;
use gateway_process::GatewayProcess;
use nginx::Nginx;
use std::{cell::Cell, path::PathBuf, time::Duration};
use upstream_service::UpstreamService;

const SMALL_ANSWERS: &str = "small_answers";
const ADDED_LATENCY: &str = "added_latency";
const MEMORY: &str = "memory";
const FLOODS: &str = "floods";

/// All that is measured.
const ALL: [&str; 4] = [SMALL_ANSWERS, ADDED_LATENCY, MEMORY, FLOODS];

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct GatewayOptions {
    /// Short rounds, for development: the figures are rough
    #[arg(long)]
    pub quick: bool,
    /// Only these, separated by commas: small_answers, added_latency, memory, floods
    #[arg(long, value_delimiter = ',', value_parser = ALL)]
    pub only: Vec<String>,
    /// Rounds of each side
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds a round
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// Clients, each of which asks again as soon as it is answered
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// Threads of the gateway that serve HTTP, and worker processes of nginx
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// Requests of the look at the memory
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: usize,
    /// Client addresses of that look
    #[arg(long, default_value_t = 100_000)]
    pub addresses: usize,
    /// Where the server's data go meanwhile
    #[arg(long, default_value = ".aerobus")]
    pub data_dir: PathBuf,
}

impl GatewayOptions {
    fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == what)
    }

    /// Rounds of each side.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.max(1) }
    }

    /// How long a round takes.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_secs(if self.quick { self.seconds.min(2) } else { self.seconds.max(1) })
    }

    /// Requests of the look at the memory.
    #[must_use]
    pub fn requests(&self) -> usize {
        if self.quick { self.requests / 10 } else { self.requests }
    }
}

/// What runs while the gateway is measured.
pub struct GatewayBench {
    /// The options.
    pub options: GatewayOptions,
    /// The private PostgreSQL.
    pub cluster: Cluster,
    /// What stands behind both.
    pub upstream: UpstreamService,
    /// Ours.
    pub gateway: GatewayProcess,
    /// What it is compared with.
    pub nginx: Nginx,
    /// Who asks.
    pub callers: Callers,
    /// The gateway's requests a second, once they were measured.
    pub rate: Cell<Option<f64>>,
}

impl GatewayBench {
    async fn start(options: GatewayOptions) -> anyhow::Result<Self> {
        let parent = options.data_dir.clone();
        eprintln!("Starting a private PostgreSQL, the gateway, nginx and a service behind them ...");
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(&parent)).await??;
        let scratch = cluster.folder().join("scratch");
        std::fs::create_dir_all(&scratch)?;
        let database = cluster.create("ours", "gateway", gateway::MIGRATIONS).await?;
        let upstream = UpstreamService::start().await?;
        let gateway = GatewayProcess::start(&database, upstream.address, options.workers, &scratch).await?;
        let nginx = Nginx::start(&scratch, upstream.address, options.workers)?;
        let callers = Callers::new(&database).await?;
        Ok(Self { options, cluster, upstream, gateway, nginx, callers, rate: Cell::new(None) })
    }

    async fn measure(&self, what: &str) -> anyhow::Result<Vec<ResultLine>> {
        match what {
            SMALL_ANSWERS => small_answers::measure(self).await,
            ADDED_LATENCY => added_latency::measure(self).await,
            MEMORY => memory::measure(self).await,
            FLOODS => floods::measure(self).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn stop(self) -> anyhow::Result<()> {
        drop(self.nginx);
        self.gateway.stop().await?;
        self.upstream.stop().await
    }
}

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
        for line in bench.measure(what).await.with_context(|| format!("{what} was not measured"))? {
            report::print_line(&line);
            lines.push(line);
        }
    }
    println!("{}", report::json_line("gateway", &machine, &lines));
    bench.stop().await
}
