//! The flight service as a process of its own, as it is deployed; and beside it, on the same web server with the same
//! middleware, an answer that is ready-made.

use crate::{
    cluster::ServiceDatabase,
    subprocess::{Subprocess, say, standard_input},
};
use actix_web::{HttpResponse, web};
use anyhow::Context;
use flight::{app, config::Config};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shared::{
    bus::{Bus, in_process::InProcess},
    db::{DatabaseConfig, Plans},
    http::health::Health,
    service::{ServiceContext, WebServer},
    telemetry::{self, LogFormat},
};
use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};
use testkit::TokenIssuer;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "serve-flight";

/// How to start.
#[derive(Serialize, Deserialize)]
struct StartFlight {
    database_url: String,
    schema: String,
}

/// An answer that costs nothing but its bytes.
struct ReadyMade(String);

async fn ready_made(answer: web::Data<ReadyMade>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(answer.0.clone())
}

fn ready_routes(config: &mut web::ServiceConfig) {
    config.default_service(web::to(ready_made));
}

/// The child's side: serves until its standard input ends. Each further line is an answer to be served ready-made.
///
/// # Errors
/// Where it does not start.
pub async fn serve() -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let mut input = standard_input();
    let start: StartFlight = serde_json::from_str(&input.recv().await.context("nobody says how to start")?)?;
    let database = DatabaseConfig {
        url: SecretString::from(start.database_url),
        schema: start.schema,
        pool_size: 8,
        plans: Plans::default(),
    };
    let secret: SecretString = "a service token secret that nobody else uses".to_owned().into();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    // Nobody listens there: no seat was sold, and nothing waits for booking.
    let mut config = Config::embedded(address, &database, secret, "http://127.0.0.1:1".parse()?);
    config.service.metrics_address = Some((Ipv4Addr::LOCALHOST, 0).into());
    telemetry::init(LogFormat::Json, &config.service.log_filter);
    let service = config.service.clone();
    // A service is ready when it can verify tokens; nobody brings one here.
    let context = ServiceContext::new(Bus::new(InProcess::new()), TokenIssuer::new().keys());
    let running = app::start(config, context).await?;
    say(&running.address)?;
    let mut others = Vec::new();
    while let Some(line) = input.recv().await {
        let answer = ReadyMade(serde_json::from_str(&line)?);
        let other = WebServer::new("ready", &service, Health::new()).share(answer).serve(ready_routes)?;
        say(&other.address)?;
        others.push(other);
    }
    for other in others {
        other.stop().await;
    }
    running.stop().await;
    Ok(())
}

/// The parent's side. Dropping it kills the service.
pub struct FlightProcess {
    process: Subprocess,
    /// Where it listens.
    pub address: SocketAddr,
}

impl FlightProcess {
    /// Starts the service. Its log is a file in `scratch`.
    ///
    /// # Errors
    /// Where it does not start within a minute.
    pub async fn start(database: &ServiceDatabase, scratch: &Path) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(scratch.join("flight.log"))?;
        let mut process = Subprocess::start_logging_to(SUBCOMMAND, log)?;
        let start = StartFlight {
            database_url: database.config.url.expose_secret().to_owned(),
            schema: database.config.schema.clone(),
        };
        let address = process.ask(&start).await?;
        Ok(Self { process, address })
    }

    /// Serves an answer ready-made; gives where.
    ///
    /// # Errors
    /// Where it does not start within a minute.
    pub async fn serve_ready_made(&mut self, answer: &str) -> anyhow::Result<SocketAddr> {
        self.process.ask(&answer).await
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// Where it failed, or takes longer than a minute.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}
