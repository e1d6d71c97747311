//! What `./dev bench gateway` can be told, and what runs while it measures.

use super::{
    callers::Callers, gateway_process::GatewayProcess, nginx::Nginx, upstream_service::UpstreamService,
};
use crate::cluster::Cluster;
use std::{cell::Cell, path::PathBuf, time::Duration};

pub(super) const SMALL_ANSWERS: &str = "small_answers";
pub(super) const ADDED_LATENCY: &str = "added_latency";
pub(super) const MEMORY: &str = "memory";
pub(super) const FLOODS: &str = "floods";

/// All that is measured.
pub(super) const ALL: [&str; 4] = [SMALL_ANSWERS, ADDED_LATENCY, MEMORY, FLOODS];

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
    pub(super) fn wants(&self, what: &str) -> bool {
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
    /// The accounts and addresses of the load.
    pub callers: Callers,
    /// The gateway's requests a second, once they were measured.
    pub rate: Cell<Option<f64>>,
}

impl GatewayBench {
    pub(super) async fn start(options: GatewayOptions) -> anyhow::Result<Self> {
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

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        drop(self.nginx);
        self.gateway.stop().await?;
        self.upstream.stop().await
    }
}
