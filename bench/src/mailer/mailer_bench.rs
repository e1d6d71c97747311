//! What `./dev bench mailer` can be told, and what runs while it measures.

use super::{mailer_process::MailerProcess, smtp_source::SmtpSource};
use crate::{
    cluster::{Cluster, ServiceDatabase},
    system::smtp_sink::SmtpSink,
};
use anyhow::Context;
use secrecy::SecretString;
use servers::{RabbitMq, RabbitMqOptions};
use shared::{
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    events::Event,
};
use std::{path::PathBuf, sync::Arc};

pub(super) const RATES: &str = "rates";
pub(super) const IDLE_LATENCY: &str = "idle_latency";
pub(super) const WAITING: &str = "waiting";
pub(super) const TICKET: &str = "ticket";

/// All that is measured.
pub(super) const ALL: [&str; 4] = [RATES, IDLE_LATENCY, WAITING, TICKET];

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct MailerOptions {
    /// Short rounds and a tenth of the waiting letters, for development: the figures are rough
    #[arg(long)]
    pub quick: bool,
    /// Only these, separated by commas: rates, idle_latency, waiting, ticket
    #[arg(long, value_delimiter = ',', value_parser = ALL)]
    pub only: Vec<String>,
    /// Rounds of each side
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Letters a round
    #[arg(long, default_value_t = 1000)]
    pub letters: usize,
    /// Letters, one after the other, of the look at the latency
    #[arg(long, default_value_t = 500)]
    pub idle_letters: usize,
    /// Letters that wait, of the look at the memory
    #[arg(long, default_value_t = 100_000)]
    pub waiting_letters: usize,
    /// Connections of each side to the mail server
    #[arg(long, default_value_t = 8)]
    pub connections: u32,
    /// Where the servers' data go meanwhile
    #[arg(long, default_value = ".aerobus")]
    pub data_dir: PathBuf,
}

impl MailerOptions {
    pub(super) fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == what)
    }

    /// Rounds of each side.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.max(1) }
    }

    /// Letters a round.
    #[must_use]
    pub fn letters(&self) -> usize {
        self.short(self.letters, 5)
    }

    /// Letters of the look at the latency.
    #[must_use]
    pub fn idle_letters(&self) -> usize {
        self.short(self.idle_letters, 10)
    }

    /// Letters that wait.
    #[must_use]
    pub fn waiting_letters(&self) -> usize {
        self.short(self.waiting_letters, 10)
    }

    fn short(&self, count: usize, divisor: usize) -> usize {
        if self.quick { (count / divisor).max(1) } else { count.max(1) }
    }
}

/// What runs while the mailer is measured.
pub struct MailerBench {
    /// The options.
    pub options: MailerOptions,
    /// On the disk of the servers' data.
    pub scratch: PathBuf,
    /// The private PostgreSQL.
    pub cluster: Cluster,
    /// The mailer's database.
    pub database: ServiceDatabase,
    /// The mail server.
    pub sink: SmtpSink,
    /// What the mailer is compared with.
    pub source: SmtpSource,
    /// Where events are published.
    pub bus: Bus,
    mailer: Option<MailerProcess>,
    broker: RabbitMq,
}

impl MailerBench {
    pub(super) async fn start(options: MailerOptions) -> anyhow::Result<Self> {
        let source = SmtpSource::find()?;
        eprintln!("Starting a private PostgreSQL, a private RabbitMQ, a mail server and the mailer ...");
        let parent = options.data_dir.clone();
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(&parent)).await??;
        let scratch = cluster.folder().join("scratch");
        std::fs::create_dir_all(&scratch)?;
        let base_dir = scratch.canonicalize()?.join("rabbitmq");
        let start = move || RabbitMq::start(RabbitMqOptions { base_dir, port: None });
        let broker = tokio::task::spawn_blocking(start).await?.context("RabbitMQ did not start")?;
        let database = cluster.create("ours", "mailer", mailer::MIGRATIONS).await?;
        let url = SecretString::from(broker.url());
        let config = AmqpConfig { queues: queues::ALL, ..AmqpConfig::new(url, "bench") };
        let bus = Bus::new(Amqp::connect(&config)?);
        let sink = SmtpSink::start().await?;
        let mut bench = Self { options, scratch, cluster, database, sink, source, bus, mailer: None, broker };
        bench.start_mailer(&bench.sink.url()).await?;
        Ok(bench)
    }

    /// Starts the mailer anew, with another mail server.
    ///
    /// # Errors
    /// Where it does not stop or start.
    pub async fn start_mailer(&mut self, smtp_url: &str) -> anyhow::Result<()> {
        if let Some(mailer) = self.mailer.take() {
            mailer.stop().await?;
        }
        let (broker, connections) = (self.broker.url(), self.options.connections);
        let mailer = MailerProcess::start(&self.database, &broker, smtp_url, connections, &self.scratch);
        self.mailer = Some(mailer.await?);
        Ok(())
    }

    /// The mailer.
    ///
    /// # Errors
    /// Where it is stopped.
    pub fn mailer(&self) -> anyhow::Result<&MailerProcess> {
        self.mailer.as_ref().context("the mailer is stopped")
    }

    /// Publishes events; ready when the broker has them.
    ///
    /// # Errors
    /// Where it does not take one.
    pub async fn publish(&self, events: Vec<Event>) -> anyhow::Result<()> {
        for confirm in self.bus.publish_all(events.into_iter().map(Arc::new).collect()) {
            confirm.await.context("an event was not published")?;
        }
        Ok(())
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        if let Some(mailer) = self.mailer {
            mailer.stop().await?;
        }
        self.bus.close().await;
        let broker = self.broker;
        Ok(tokio::task::spawn_blocking(move || broker.stop()).await??)
    }
}
