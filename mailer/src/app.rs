//! Wires the mailer: migrations, pool, actors, HTTP, and at last the subscription that feeds it.

use crate::{
    actors::{EmailSender, LetterDelivery, NotificationConsumer, NotificationConsumerHandle, Renderer},
    config::{Config, Destination},
    http::{self, MailAdmin},
    render::{TemplateError, Templates},
    store::MIGRATIONS,
    transport::{InvalidSmtpUrl, MailFolder, MailTransport, SmtpTransport},
};
use actix_web::{
    App, HttpResponse,
    dev::ServerHandle,
    middleware::from_fn,
    rt,
    web::{self, Data},
};
use shared::{
    auth::Verifier,
    bus::{Bus, Consumers},
    config::ConfigError,
    db::{MigrateError, Pool, migrate},
    http::{ServerSettings, health::Health},
    outbox::{DeadLetters, Relay},
    service::{Running, ServiceContext},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a stop waits for mails that are being sent.
const SENDER_STOP: Duration = Duration::from_secs(10);

/// Why the mailer did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The mail server's URL.
    #[error("MAILER_SMTP_URL is invalid")]
    SmtpUrl(#[from] InvalidSmtpUrl),
    /// The folder for mails cannot be made, or an address cannot be bound.
    #[error("{0} cannot be used")]
    Io(String, #[source] std::io::Error),
    /// The database.
    #[error("the database could not be prepared")]
    Migrate(#[from] MigrateError),
    /// A template of ours.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Starts the mailer on the present arbiter; ready when it listens. It consumes as soon as the
/// broker answers.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config, context: ServiceContext) -> Result<Running, StartError> {
    let ServiceContext { bus, keys, .. } = context;
    let transport = transport(&config)?;
    let renderer = Renderer::start(Templates::compile(&config.public_url)?, config.letterhead()?);
    let mail_domain = config.message_domain()?;

    let database = config.service.database();
    migrate(&database, MIGRATIONS).await?;
    let pool = Pool::new(&database);
    // The mailer publishes no events yet; the relay also deletes old rows of the inbox.
    let relay = Relay::start("mailer", &database, bus.clone());
    let delivery = LetterDelivery {
        pool: pool.clone(),
        renderer,
        transport: Arc::new(transport),
        send_timeout: config.send_timeout(),
    };
    let sender = EmailSender::start(delivery, config.concurrency());
    let consumer = NotificationConsumer::start(pool.clone(), sender.clone(), mail_domain);

    let verifier = Verifier::new(keys, &config.service.token_issuer, &config.service.token_audience);
    let health = health(&pool, &bus, &verifier);
    let admin = MailAdmin { pool: pool.clone(), sender: sender.clone(), consumer: consumer.clone() };
    let (address, server) = serve(&config, admin, verifier, health.clone())?;
    let mut running = Running::new("mailer", address, server);
    if let Some(address) = config.service.metrics_address {
        let (_, server) = shared::http::metrics_server(address).map_err(|error| unusable(address, error))?;
        running = running.with_server(server.handle());
        rt::spawn(server);
    }
    let dead_letters = Arc::new(DeadLetters::new(pool.clone()));
    let subscription =
        bus.subscribe(NotificationConsumerHandle::subscription(), Arc::new(consumer), dead_letters);
    let consumers = Consumers::new().with(subscription);
    Ok(running
        .before_stop(move || async move { health.drain() })
        .flush(relay.clone())
        .after_stop(move || consumers.stop())
        .after_stop(move || stop_sender(sender))
        .after_stop(move || async move { relay.stop().await })
        .after_stop(move || async move { pool.close() }))
}

fn transport(config: &Config) -> Result<MailTransport, StartError> {
    Ok(match config.destination()? {
        Destination::Smtp(url) => {
            // Connecting is a part of sending, and must leave time for the rest.
            MailTransport::Smtp(SmtpTransport::new(&url, config.concurrency(), config.send_timeout() / 2)?)
        }
        Destination::Folder(path) => {
            let folder = MailFolder::open(&path, config.mail_dir_letters);
            MailTransport::Folder(folder.map_err(|error| unusable(path.display(), error))?)
        }
    })
}

fn unusable(what: impl std::fmt::Display, error: std::io::Error) -> StartError {
    StartError::Io(what.to_string(), error)
}

fn health(pool: &Pool, bus: &Bus, verifier: &Verifier) -> Health {
    let (pool, bus, verifier) = (pool.clone(), bus.clone(), verifier.clone());
    // A mail server that is down does not make the mailer unready: letters wait.
    Health::new()
        .needs("database", move || {
            let pool = pool.clone();
            async move { pool.is_healthy().await }
        })
        .needs("bus", move || std::future::ready(bus.is_connected()))
        .needs("keys", move || std::future::ready(verifier.is_ready()))
}

fn serve(
    config: &Config,
    admin: MailAdmin,
    verifier: Verifier,
    health: Health,
) -> Result<(SocketAddr, ServerHandle), StartError> {
    let address = config.service.http_address;
    let (admin, verifier, health) = (Data::new(admin), Data::new(verifier), Data::new(health));
    let document = Data::new(http::document());
    let settings = ServerSettings::behind_gateway(address, config.service.http_workers);
    let served = shared::http::serve(settings, move || {
        App::new()
            .wrap(from_fn(shared::http::envelope))
            .app_data(admin.clone())
            .app_data(verifier.clone())
            .app_data(health.clone())
            .app_data(document.clone())
            .service(web::scope("/api/v1").configure(http::routes))
            .route("/openapi.json", web::get().to(openapi))
            .configure(shared::http::configure)
    });
    served.map_err(|error| unusable(address, error))
}

async fn openapi(document: Data<utoipa::openapi::OpenApi>) -> HttpResponse {
    HttpResponse::Ok().json(document.get_ref())
}

async fn stop_sender(sender: EmailSender) {
    if timeout(SENDER_STOP, sender.stop()).await.is_err() {
        tracing::warn!("A mail server takes long: letters under way are tried again after their lease");
    }
}
