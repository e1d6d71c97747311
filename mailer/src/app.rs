//! Wires the mailer: migrations, connections, actors, HTTP, and at last the subscription that feeds it.

use crate::{
    actors::{
        EmailSender, LetterDelivery, NotificationConsumer, NotificationConsumerHandle, Renderer,
        TokenSweeper, queue_gauges,
    },
    config::{Config, Destination},
    http::{self, MailAdmin},
    render::{TemplateError, Templates},
    store::{
        MIGRATIONS,
        batch_connection::{BatchConnection, CommitWait},
    },
    transport::{InvalidSmtpUrl, MailFolder, MailTransport, SmtpEndpoint, SmtpTransport},
};
use actix::{Arbiter, ArbiterHandle};
use documents::DocumentIssuer;
use shared::{
    auth::ServiceTokens,
    bus::Consumers,
    config::ConfigError,
    db::{MigrateError, Pool, migrate},
    http::health::Health,
    operations::Operations,
    outbox::{DeadLetters, Relay},
    service::{ListenError, Running, ServiceContext, WebServer},
    threads::{self, Priority},
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
    /// The threads of the mailer's work.
    #[error("a thread could not be started")]
    Thread(#[from] io::Error),
}

/// Starts the mailer on the present arbiter; ready when it listens. It consumes as soon as the
/// broker answers. What it does with letters runs on threads of its own, below the priority of requests.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config, context: ServiceContext) -> Result<Running, StartError> {
    let transport = transport(&config)?;
    let (templates, letterhead) = (Templates::compile(&config.public_url)?, config.letterhead()?);
    let mail_domain = config.message_domain()?;

    let database = config.service.database();
    migrate(&database, MIGRATIONS).await?;
    let pool = Pool::new(&database);
    // It publishes what staff did. It also removes old rows of the inbox, which only earlier releases write.
    let relay = Relay::start("mailer", &database, context.bus.clone());

    let (taking, sending) = (follower("mail-take")?, follower("mail-send")?);
    let (send_timeout, times) = (config.send_timeout(), config.sender_times());
    // What a crash of the database undoes is done again: a letter is sent twice, which also happens otherwise.
    let connection = BatchConnection::new(&database, CommitWait::Nothing);
    let swept = connection.clone();
    let issuer = DocumentIssuer::new(&config.public_url);
    let start_sender = async move || {
        let renderer = Renderer::start(templates, letterhead, issuer);
        let delivery =
            LetterDelivery { renderer: renderer.clone(), transport: Arc::new(transport), send_timeout };
        (EmailSender::start(connection, delivery, times), TokenSweeper::start(swept), renderer)
    };
    let (sender, sweeper, renderer) = threads::run_on(&sending.handle(), start_sender).await?;
    let (connection, nudged) = (BatchConnection::new(&database, CommitWait::Disk), sender.clone());
    let start_consumer = async move || NotificationConsumer::start(connection, nudged, mail_domain);
    let consumer = threads::run_on(&taking.handle(), start_consumer).await?;

    let (verifier, bus) = (context.verifier(&config.service), context.bus.clone());
    // A mail server that is down does not make the mailer unready: letters wait.
    let following = [taking.handle(), sending.handle()];
    let health = Health::new()
        .needs_database(&pool)
        .needs("followers", move || std::future::ready(following.iter().all(ArbiterHandle::alive)))
        .needs("bus", move || std::future::ready(bus.is_connected()))
        .needs_keys(&verifier);
    let dead_letters = DeadLetters::new(pool.clone());
    let operations = Operations::new("mailer", &pool, &dead_letters, &relay);
    queue_gauges::start(pool.clone(), operations.clone());
    let running = WebServer::new("mailer", &config.service, health)
        .share(verifier)
        .share(MailAdmin { pool: pool.clone(), sender: sender.clone(), renderer, relay: relay.clone() })
        .share(ServiceTokens::new(config.service.service_token_secret.clone()))
        .share(operations)
        .serve(http::routes)?;
    // A bus within the process hands out deliveries on the thread that subscribes.
    let subscribe = async move || {
        let subscription = NotificationConsumerHandle::subscription();
        Consumers::new().with(dead_letters.subscribe(&context.bus, subscription, Arc::new(consumer)))
    };
    let consumers = threads::run_on(&taking.handle(), subscribe).await?;
    Ok(running.flush(relay.clone()).after_stop(move || async move {
        consumers.stop().await;
        taking.stop();
        sweeper.stop().await;
        stop_sender(sender).await;
        sending.stop();
        relay.stop().await;
        pool.close();
    }))
}

/// Starts the thread of work that follows what was committed.
fn follower(name: &str) -> Result<Arbiter, StartError> {
    Ok(threads::arbiter(name.to_owned(), Priority::Followers)?)
}

fn transport(config: &Config) -> Result<MailTransport, StartError> {
    Ok(match config.destination()? {
        Destination::Smtp(url) => {
            let server = SmtpEndpoint::parse(&url, config.smtp_ca.as_deref())?;
            MailTransport::Smtp(SmtpTransport::new(server, config.connections(), config.smtp_timeouts()))
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
