//! The mailer as a process of its own.

use mailer::{app, config::Config};
use shared::{service::Surroundings, telemetry};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::load()?;
    telemetry::init(config.service.log_format, &config.service.log_filter);
    let surroundings = Surroundings::connect("mailer", &config.service)?;
    app::start(config, surroundings).await?.run().await;
    Ok(())
}
