//! The service behind gateway and nginx: the web server of our services, with the middleware that all of them have, and
//! one small answer that costs nothing. It is a process of its own.

use crate::subprocess::{Subprocess, say, standard_input};
use actix_web::{HttpResponse, web};
use anyhow::Context;
use secrecy::SecretString;
use shared::{
    config::ServiceConfig,
    db::{DatabaseConfig, Plans},
    http::health::Health,
    service::WebServer,
};
use std::net::{Ipv4Addr, SocketAddr};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "serve-upstream";

/// What it answers: a flight, 538 bytes.
const ANSWER: &str = r#"{"id":"019ad000-0000-7000-8000-000000000001","flight_number":"AE 417","airline":"AE","origin":"LHR","destination":"JFK","departure":{"local":"2027-03-14T09:35","utc":"2027-03-14T09:35:00Z","time_zone":"Europe/London"},"arrival":{"local":"2027-03-14T12:40","utc":"2027-03-14T16:40:00Z","time_zone":"America/New_York"},"duration_minutes":425,"aircraft_type":"77W","status":"scheduled","cabins":[{"cabin":"economy","available":181,"from":{"amount":"412.00","currency":"GBP"}}],"version":7,"updated_at":"2026-11-30T10:00:00Z","bookable":true}"#;

async fn answer() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}

fn routes(config: &mut web::ServiceConfig) {
    config.default_service(web::to(answer));
}

/// The child's side: serves until its standard input ends.
///
/// # Errors
/// Where it cannot listen.
pub async fn serve() -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let mut input = standard_input();
    input.recv().await.context("nobody says to start")?;
    // It has no database, and proves nothing to anybody.
    let database = DatabaseConfig {
        url: SecretString::from("postgres://nowhere"),
        schema: "none".to_owned(),
        pool_size: 1,
        plans: Plans::default(),
    };
    let secret = "a secret that nobody uses in this process".to_owned().into();
    let config = ServiceConfig::embedded((Ipv4Addr::LOCALHOST, 0).into(), &database, secret);
    let running = WebServer::new("upstream", &config, Health::new()).serve(routes)?;
    say(&running.address)?;
    while input.recv().await.is_some() {}
    running.stop().await;
    Ok(())
}

/// The parent's side. Dropping it kills the service.
pub struct UpstreamService {
    process: Subprocess,
    /// Where it listens.
    pub address: SocketAddr,
}

impl UpstreamService {
    /// Starts it.
    ///
    /// # Errors
    /// Where it does not start within a minute.
    pub async fn start() -> anyhow::Result<Self> {
        let mut process = Subprocess::start(SUBCOMMAND)?;
        let address = process.ask(&()).await?;
        Ok(Self { process, address })
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// Where it failed, or takes longer than a minute.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}
