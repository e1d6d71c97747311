//! The gateway as a process of its own, as a service is deployed: JSON logs with the access log, metrics, limits and the
//! check of tokens. Only what would refuse the load of a benchmark is set otherwise.

use crate::{
    cluster::ServiceDatabase,
    subprocess::{Subprocess, say, standard_input},
    system::cpu::CpuSample,
};
use anyhow::Context;
use gateway::{app, config::Config};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shared::{
    auth::KeySource,
    bus::{Bus, in_process::InProcess},
    db::{DatabaseConfig, Plans},
    service::ServiceContext,
    telemetry::{self, LogFormat},
};
use std::{
    fs::{File, OpenOptions},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};
use url::Url;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "serve-gateway";

/// The gateway's keys are derived from it, so that tokens can be minted for as many accounts as are wanted.
pub const SIGNING_KEY_SECRET: &str = "the signing key secret of a benchmark, on loopback only";

/// How to start.
#[derive(Serialize, Deserialize)]
struct StartGateway {
    database_url: String,
    schema: String,
    upstream: SocketAddr,
    workers: usize,
}

/// The child's side: serves until its standard input ends.
///
/// # Errors
/// Where it does not start.
pub async fn serve() -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let mut input = standard_input();
    let start: StartGateway = serde_json::from_str(&input.recv().await.context("nobody says how to start")?)?;
    let database = DatabaseConfig {
        url: SecretString::from(start.database_url),
        schema: start.schema,
        pool_size: 4,
        plans: Plans::default(),
    };
    let secret = "a service token secret that nobody else uses".to_owned().into();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let mut config = Config::embedded(address, &database, secret, SIGNING_KEY_SECRET.to_owned().into());
    config.service.http_workers = start.workers;
    config.service.metrics_address = Some((Ipv4Addr::LOCALHOST, 0).into());
    let upstreams: Vec<Url> = vec![format!("http://{}", start.upstream).parse()?];
    config.flight_urls = upstreams.clone();
    config.booking_urls = upstreams.clone();
    config.mailer_urls = upstreams;
    // High enough for the load. Counting costs the same as with the defaults.
    config.limits.rate_read_per_minute = 10_000_000;
    config.limits.concurrent_read = 10_000;
    config.trusted_proxies = "127.0.0.0/8".parse()?;
    telemetry::init(LogFormat::Json, &config.service.log_filter);
    let context = ServiceContext::new(Bus::new(InProcess::new()), KeySource::in_process());
    let running = app::start(config, context).await?;
    say(&running.address)?;
    while input.recv().await.is_some() {}
    running.stop().await;
    Ok(())
}

/// The parent's side. Dropping it kills the gateway.
pub struct GatewayProcess {
    process: Subprocess,
    /// Where it listens.
    pub address: SocketAddr,
    log: File,
}

impl GatewayProcess {
    /// Starts the gateway before one service. Its log is a file in `scratch`.
    ///
    /// # Errors
    /// Where it does not start within a minute.
    pub async fn start(
        database: &ServiceDatabase,
        upstream: SocketAddr,
        workers: usize,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(scratch.join("gateway.log"))?;
        let mut process = Subprocess::start_logging_to(SUBCOMMAND, log.try_clone()?)?;
        let start = StartGateway {
            database_url: database.config.url.expose_secret().to_owned(),
            schema: database.config.schema.clone(),
            upstream,
            workers,
        };
        let address = process.ask(&start).await?;
        Ok(Self { process, address, log })
    }

    /// Throws the log away: it would fill the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn clear_log(&self) -> anyhow::Result<u64> {
        let length = self.log.metadata()?.len();
        self.log.set_len(0)?;
        Ok(length)
    }

    /// What it has used so far.
    #[must_use]
    pub fn cpu(&self) -> CpuSample {
        CpuSample::of_process(self.process.id())
    }

    /// Its resident memory, KiB; zero where the system does not tell.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        self.process.resident_kib()
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// Where it failed, or takes longer than a minute.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}
