//! The booking service as a process of its own.

use anyhow::Context;
use booking::{app, config::Config};
use shared::{
    release::read_arguments,
    service::{ServiceContext, raise_file_limit},
    telemetry,
};

/// Many small allocations, made on one thread and freed on another, are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    read_arguments(
        "aerobus-booking",
        "The booking service of Aerobus: seats, bookings, payments. Its settings are environment variables.",
    );
    let config = Config::load()?;
    telemetry::init(config.service.log_format, &config.service.log_filter);
    raise_file_limit();
    let context = ServiceContext::connect("booking", &config.service)?;
    let running = app::start(config, context).await.context("the booking service did not start")?;
    running.run().await;
    Ok(())
}
