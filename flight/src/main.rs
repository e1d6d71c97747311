//! The flight service as a process of its own.

use anyhow::Context;
use flight::{app, config::Config};
use shared::{release::read_arguments, service::ServiceContext, telemetry};

/// Many small allocations, made on one thread and freed on another, are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    read_arguments(
        "aerobus-flight",
        "The flight service of Aerobus: reference data, flights, search. Its settings are environment variables.",
    );
    let config = Config::load()?;
    telemetry::init(config.service.log_format, &config.service.log_filter);
    let context = ServiceContext::connect("flight", &config.service)?;
    let running = app::start(config, context).await.context("the flight service did not start")?;
    running.run().await;
    Ok(())
}
