//! The mailer as a process of its own, as a service is deployed: with RabbitMQ, JSON logs and metrics.

use crate::{
    cluster::ServiceDatabase,
    subprocess::{Subprocess, say, standard_input},
    system::cpu::CpuSample,
};
use anyhow::Context;
use mailer::{
    app,
    config::{Config, Destination},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shared::{
    auth::KeySource,
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    config::ServiceConfig,
    db::{DatabaseConfig, Plans},
    service::ServiceContext,
    telemetry::{self, LogFormat},
};
use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "serve-mailer";

/// How to start.
#[derive(Serialize, Deserialize)]
struct StartMailer {
    database_url: String,
    schema: String,
    broker_url: String,
    smtp_url: String,
    connections: u32,
}

/// The child's side: serves until its standard input ends.
///
/// # Errors
/// Where it does not start.
pub async fn serve() -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let mut input = standard_input();
    let start: StartMailer = serde_json::from_str(&input.recv().await.context("nobody says how to start")?)?;
    let database = DatabaseConfig {
        url: SecretString::from(start.database_url),
        schema: start.schema,
        pool_size: 4,
        plans: Plans::default(),
    };
    let secret = "a service token secret that nobody else uses".to_owned().into();
    let mut service = ServiceConfig::embedded((Ipv4Addr::LOCALHOST, 0).into(), &database, secret);
    service.metrics_address = Some((Ipv4Addr::LOCALHOST, 0).into());
    let destination = Destination::Smtp(start.smtp_url.into());
    let config = Config { send_concurrency: start.connections, ..Config::embedded(service, destination) };
    telemetry::init(LogFormat::Json, &config.service.log_filter);
    let broker = AmqpConfig { queues: queues::ALL, ..AmqpConfig::new(start.broker_url.into(), "mailer") };
    let bus = Bus::new(Amqp::connect(&broker)?);
    let running = app::start(config, ServiceContext::new(bus.clone(), KeySource::in_process())).await?;
    say(&running.address)?;
    while input.recv().await.is_some() {}
    running.stop().await;
    bus.close().await;
    Ok(())
}

/// The parent's side. Dropping it kills the mailer.
pub struct MailerProcess {
    process: Subprocess,
}

impl MailerProcess {
    /// Starts the mailer. Its log is a file in `scratch`.
    ///
    /// # Errors
    /// Where it does not start within a minute.
    pub async fn start(
        database: &ServiceDatabase,
        broker_url: &str,
        smtp_url: &str,
        connections: u32,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(scratch.join("mailer.log"))?;
        let mut process = Subprocess::start_logging_to(SUBCOMMAND, log)?;
        let start = StartMailer {
            database_url: database.config.url.expose_secret().to_owned(),
            schema: database.config.schema.clone(),
            broker_url: broker_url.to_owned(),
            smtp_url: smtp_url.to_owned(),
            connections,
        };
        let _: SocketAddr = process.ask(&start).await?;
        Ok(Self { process })
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
