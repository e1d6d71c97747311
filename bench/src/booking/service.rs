//! The booking service as a process of its own, started by the benchmark.
//!
//! The first question tells how to start ([`StartService`]) and is answered with [`ServiceStarted`]; each further
//! one asks for flights ([`PublishFlights`]) and is answered with their ids.

use super::workload::{self, Layout};
use crate::{
    cluster::ServiceDatabase,
    subprocess::{Subprocess, say, standard_input},
};
use anyhow::Context;
use booking::config::Config;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shared::{
    auth::{KeySet, KeySource},
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        in_process::InProcess,
        queues,
    },
    config::ServiceConfig,
    db::{DatabaseConfig, Plans},
    events::{Event, EventType},
    ids::FlightId,
    service::ServiceContext,
    telemetry,
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "serve-booking";

/// How the service is set where the benchmark lets it differ from its defaults.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ServiceTuning {
    /// Threads that serve HTTP.
    pub http_workers: usize,
    /// Ledgers; the service's own default where absent.
    pub ledger_shards: Option<usize>,
}

/// How the service is set for a single measurement.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServiceSettings {
    /// The broker; a bus in the process where absent.
    pub amqp_url: Option<String>,
    /// After how long a flight that nobody asks for is let go; the service's own default where absent.
    pub allocator_idle_ms: Option<u64>,
}

/// How to start.
#[derive(Serialize, Deserialize)]
struct StartService {
    database_url: String,
    schema: String,
    pool_size: usize,
    metrics_port: u16,
    keys: KeySet,
    tuning: ServiceTuning,
    settings: ServiceSettings,
}

/// Where the service listens.
#[derive(Serialize, Deserialize)]
struct ServiceStarted {
    address: SocketAddr,
}

/// Asks for flights on sale.
#[derive(Serialize, Deserialize)]
struct PublishFlights {
    count: usize,
    layout: Layout,
}

/// The child's side: serves until its standard input ends.
///
/// # Errors
/// Where the service does not start or is asked for something strange.
pub async fn serve() -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let mut input = standard_input();
    let start: StartService = serde_json::from_str(&input.recv().await.context("nobody says how to start")?)?;
    let database = DatabaseConfig {
        url: SecretString::from(start.database_url),
        schema: start.schema,
        pool_size: start.pool_size,
        plans: Plans::default(),
    };
    let secret = "a secret that nobody uses in this process".to_owned().into();
    let mut service = ServiceConfig::embedded((Ipv4Addr::LOCALHOST, 0).into(), &database, secret);
    service.http_workers = start.tuning.http_workers;
    service.metrics_address = Some((Ipv4Addr::LOCALHOST, start.metrics_port).into());
    // What the service says at its default level, without what its web server says of itself.
    telemetry::init(service.log_format, "info,actix_server=warn,actix_web=warn");
    let mut config = Config::embedded(service);
    if let Some(shards) = start.tuning.ledger_shards {
        config.ledger_shards = shards;
    }
    let keys = KeySource::in_process();
    keys.replace(&start.keys);
    if let Some(idle) = start.settings.allocator_idle_ms {
        config.allocator_idle_ms = idle;
    }
    let bus = match start.settings.amqp_url {
        Some(url) => {
            let broker = AmqpConfig { queues: queues::ALL, ..AmqpConfig::new(url.into(), "booking") };
            Bus::new(Amqp::connect(&broker)?)
        }
        None => Bus::new(InProcess::new()),
    };
    let running = booking::app::start(config, ServiceContext::new(bus.clone(), keys)).await?;
    say(&ServiceStarted { address: running.address })?;
    while let Some(line) = input.recv().await {
        let PublishFlights { count, layout } = serde_json::from_str(&line)?;
        say(&publish(&bus, count, layout).await?)?;
    }
    running.stop().await;
    bus.close().await;
    Ok(())
}

/// Puts flights on sale; ready when the service has stored them.
async fn publish(bus: &Bus, count: usize, layout: Layout) -> anyhow::Result<Vec<FlightId>> {
    let template = workload::flight(layout)?;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let mut state = template.clone();
        state.id = FlightId::new();
        let event = Event::new("flight", EventType::FlightPublished, state.id, state.version, &state);
        bus.publish(Arc::new(event)).await.context("a flight was not taken")?;
        ids.push(state.id);
    }
    Ok(ids)
}

/// The parent's side: a running service. Dropping it kills it.
pub struct ServiceProcess {
    process: Subprocess,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its metrics are.
    pub metrics: SocketAddr,
}

impl ServiceProcess {
    /// Starts the service over a database, trusting these keys.
    ///
    /// # Errors
    /// Where it does not start within a minute.
    pub async fn start(
        database: &ServiceDatabase,
        keys: &KeySet,
        tuning: ServiceTuning,
        settings: ServiceSettings,
    ) -> anyhow::Result<Self> {
        let mut process = Subprocess::start(SUBCOMMAND)?;
        let metrics = free_address()?;
        let start = StartService {
            database_url: database.config.url.expose_secret().to_owned(),
            schema: database.config.schema.clone(),
            pool_size: database.config.pool_size,
            metrics_port: metrics.port(),
            keys: keys.clone(),
            tuning,
            settings,
        };
        let ServiceStarted { address } = process.ask(&start).await?;
        Ok(Self { process, address, metrics })
    }

    /// Puts so many flights on sale.
    ///
    /// # Errors
    /// Where the service does not take them within a minute.
    pub async fn publish(&mut self, count: usize, layout: Layout) -> anyhow::Result<Vec<FlightId>> {
        self.process.ask(&PublishFlights { count, layout }).await
    }

    /// Stops the service in order.
    ///
    /// # Errors
    /// Where it failed, or takes longer than a minute.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}

/// A free port on loopback: taken once, so that it is not given out again at once.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
