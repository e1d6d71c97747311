//! The mailer as a process of its own.

use mailer::{app, config::Config};
use shared::{release::read_arguments, service::ServiceContext, telemetry};

/// Many small allocations, made on one thread and freed on another, are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    read_arguments(
        "aerobus-mailer",
        "The mailer of Aerobus: letters to travellers. Its settings are environment variables.",
    );
    let config = Config::load()?;
    telemetry::init(config.service.log_format, &config.service.log_filter);
    let context = ServiceContext::connect("mailer", &config.service)?;
    app::start(config, context).await?.run().await;
    Ok(())
}
