//! Wires the mailer: migrations, pool, actors, HTTP, and at last the subscription that feeds it.

use crate::{
    actors::{EmailSender, LetterDelivery, NotificationConsumer, NotificationConsumerHandle, Renderer},
    config::{Config, Destination},
    http::{self, MailAdmin},
    render::{TemplateError, Templates},
    store::MIGRATIONS,
    transport::{InvalidSmtpUrl, MailFolder, MailTransport, SmtpTransport},
};
use shared::{
    bus::Consumers,
    config::ConfigError,
    db::{MigrateError, Pool, migrate},
    http::health::Health,
    outbox::{DeadLetters, Relay},
    service::{ListenError, Running, ServiceContext, WebServer},
};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
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
    /// The folder for mails cannot be made or read.
    #[error("{} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
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
    let transport = transport(&config)?;
    let renderer = Renderer::start(Templates::compile(&config.public_url)?, config.letterhead()?);
    let mail_domain = config.message_domain()?;

    let database = config.service.database();
    migrate(&database, MIGRATIONS).await?;
    let pool = Pool::new(&database);
    // The mailer publishes no events yet; the relay also deletes old rows of the inbox.
    let relay = Relay::start("mailer", &database, context.bus.clone());
    let delivery = LetterDelivery {
        pool: pool.clone(),
        renderer,
        transport: Arc::new(transport),
        send_timeout: config.send_timeout(),
    };
    let sender = EmailSender::start(delivery, config.concurrency());
    let consumer = NotificationConsumer::start(pool.clone(), sender.clone(), mail_domain);

    let (verifier, bus) = (context.verifier(&config.service), context.bus.clone());
    // A mail server that is down does not make the mailer unready: letters wait.
    let health = Health::new()
        .needs_database(&pool)
        .needs("bus", move || std::future::ready(bus.is_connected()))
        .needs_keys(&verifier);
    let running = WebServer::new("mailer", &config.service, health)
        .share(verifier)
        .share(MailAdmin { pool: pool.clone(), sender: sender.clone(), consumer: consumer.clone() })
        .serve(http::routes)?;
    let dead_letters = Arc::new(DeadLetters::new(pool.clone()));
    let subscription = NotificationConsumerHandle::subscription();
    let consumers =
        Consumers::new().with(context.bus.subscribe(subscription, Arc::new(consumer), dead_letters));
    Ok(running.flush(relay.clone()).after_stop(move || async move {
        consumers.stop().await;
        stop_sender(sender).await;
        relay.stop().await;
        pool.close();
    }))
}

fn transport(config: &Config) -> Result<MailTransport, StartError> {
    Ok(match config.destination()? {
        Destination::Smtp(url) => {
            // Connecting is a part of sending, and must leave time for the rest.
            MailTransport::Smtp(SmtpTransport::new(&url, config.concurrency(), config.send_timeout() / 2)?)
        }
        Destination::Folder(path) => {
            let folder = MailFolder::open(&path, config.mail_dir_letters);
            MailTransport::Folder(folder.map_err(|error| StartError::Folder(path, error))?)
        }
    })
}

async fn stop_sender(sender: EmailSender) {
    if timeout(SENDER_STOP, sender.stop()).await.is_err() {
        tracing::warn!("A mail server takes long: letters in flight are tried again after their lease");
    }
}
