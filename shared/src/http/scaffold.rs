//! Routes that every service has.

use super::{Code, Problem, health};
use crate::telemetry::metrics;
use actix_web::{App, HttpResponse, HttpServer, Resource, Route, dev::Server, http::header, web};
use std::{io, net::SocketAddr, time::Duration};

/// How often histograms are condensed: each measurement takes memory until then.
const UPKEEP: Duration = Duration::from_secs(5);

/// Adds the health probes. The app needs a [`health::Health`] as data.
pub(crate) fn probes(config: &mut web::ServiceConfig) {
    config
        .service(readable("/health/live").route(web::get().to(health::live)))
        .service(readable("/health/ready").route(web::get().to(health::ready)));
}

/// The answer of a known resource to a method that it lacks: 405 with `allow`, the methods that it
/// has, for `web::resource(..).default_service(method_not_allowed("GET, HEAD"))`.
#[must_use]
pub fn method_not_allowed(allow: &'static str) -> Route {
    // Bare: the envelope makes the problem of it, and keeps the header.
    web::to(
        move || async move { HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allow)).finish() },
    )
}

/// A resource that can only be read: 405 with `Allow` for other methods than GET and HEAD.
#[must_use]
pub fn readable(path: &str) -> Resource {
    web::resource(path).default_service(method_not_allowed("GET, HEAD"))
}

/// The answer to a path that the service does not have.
pub(crate) async fn unknown_path() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NotFound))
}

/// Serves `GET /metrics` on a private address; gives the bound address and the server to spawn. From
/// then on the present arbiter bounds the memory of the measurements, whether anybody scrapes or not.
///
/// # Errors
/// Those of binding.
pub(crate) fn metrics_server(address: SocketAddr) -> io::Result<(SocketAddr, Server)> {
    metrics::recorder();
    let server = HttpServer::new(|| App::new().route("/metrics", web::get().to(async || metrics::render())))
        .workers(1)
        .disable_signals()
        .bind(address)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    actix_rt::spawn(async {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            metrics::run_upkeep();
        }
    });
    Ok((bound, server.run()))
}
