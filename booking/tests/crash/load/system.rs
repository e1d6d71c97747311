//! What the load is run against: PostgreSQL and RabbitMQ of the test's own, two booking processes, a
//! mailer, an SMTP server, and flights.

use crate::{
    flights::{self, booking, put_on_sale},
    instance::{InstanceProcess, Settings},
    keys::Keys,
    requests::UserClient,
};
use actix_web::rt::System as Runtime;
use mailer::config::{Config as MailerConfig, Destination};
use secrecy::SecretString;
use servers::{Postgres, PostgresOptions, RabbitMq, RabbitMqOptions};
use shared::{
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    config::ServiceConfig,
    db::{DatabaseConfig, migrate, provision},
    ids::{FlightId, UserId},
    service::ServiceContext,
};
use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    thread::{self, JoinHandle},
    time::Duration,
};
use tempfile::TempDir;
use testkit::{SERVICE_TOKEN_SECRET, SmtpSink};
use tokio::sync::oneshot;

/// How long the warming up may take.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the mailer gives one letter.
const SEND_TIMEOUT_MS: u64 = 5000;

/// See the module.
pub(super) struct System {
    pub(super) instances: [InstanceProcess; 2],
    mailer: Option<Mailer>,
    pub(super) smtp: SmtpSink,
    pub(super) keys: Keys,
    pub(super) settings: Settings,
    pub(super) flights: Vec<FlightId>,
    /// Booking's part of the database.
    pub(super) booking: DatabaseConfig,
    /// The mailer's.
    pub(super) mail: DatabaseConfig,
    /// Taken while something is done to it.
    pub(super) broker: Option<RabbitMq>,
    pub(super) postgres: Option<Postgres>,
    // Last: the servers' folders go after the servers.
    _folder: TempDir,
}

/// The mailer on a thread of its own.
struct Mailer {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl System {
    /// Starts everything; ready when mails come.
    pub(super) async fn start(flights: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL's account must be able to pass through it when the tests run as root.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let (data_dir, base_dir) = (folder.path().join("postgres"), folder.path().join("rabbitmq"));
        let starting = tokio::task::spawn_blocking(move || {
            let broker =
                thread::spawn(move || RabbitMq::start(RabbitMqOptions { base_dir, port: None }).unwrap());
            // As durable as by default: that is what the crash is about.
            let settings = vec![("max_connections".to_owned(), "120".to_owned())];
            let postgres = Postgres::start(PostgresOptions { data_dir, port: None, settings }).unwrap();
            (postgres, broker.join().unwrap())
        });
        let (postgres, broker) = starting.await.unwrap();
        let admin = SecretString::from(postgres.url("postgres"));
        let password = SecretString::from("test".to_owned());
        let booking = provision(&admin, "booking", &password, 8).await.unwrap();
        let mail = provision(&admin, "mailer", &password, 8).await.unwrap();
        migrate(&booking, booking::MIGRATIONS).await.unwrap();
        let mut on_sale = Vec::new();
        for _ in 0..flights {
            on_sale.push(put_on_sale(&booking).await);
        }
        let (keys, smtp) = (Keys::serve(), SmtpSink::start());
        let settings = Settings::new(&booking, &keys)
            .with("BOOKING_AMQP_URL", &broker.url())
            .with("BOOKING_PAYMENT_TIMEOUT_MS", &2000)
            .with("BOOKING_PAYMENT_IDLE_MS", &3000)
            .with("BOOKING_PAYMENT_SWEEP_MS", &250);
        let mailer = Some(Mailer::start(&mail, &broker.url(), &keys, &smtp));
        let instances = [InstanceProcess::start(&settings).await, InstanceProcess::start(&settings).await];
        Self {
            instances,
            mailer,
            smtp,
            keys,
            settings,
            flights: on_sale,
            booking,
            mail,
            broker: Some(broker),
            postgres: Some(postgres),
            _folder: folder,
        }
    }

    /// Has all queues made, and then their list brought to disk by an orderly restart: see "RabbitMQ
    /// and power cuts" in `docs/operations.md`.
    pub(super) async fn warm_up(&mut self) {
        self.book_and_get_mail(1).await;
        self.with_broker(|broker| broker.restart().unwrap()).await;
        self.book_and_get_mail(2).await;
    }

    async fn book_and_get_mail(&self, number: usize) {
        for instance in &self.instances {
            let client = UserClient::new(instance.address, &self.keys.token(UserId::new(), &[]));
            let body = booking(self.flights[0], number, None, Some("tok_visa"));
            let booked = client.post("/api/v1/bookings", None, &body).await.unwrap();
            assert_eq!(booked.status, 201, "{:?}", booked.json);
            let _ = self.smtp.next(START_TIMEOUT).await;
        }
    }

    pub(super) fn addresses(&self) -> [SocketAddr; 2] {
        [self.instances[0].address, self.instances[1].address]
    }

    /// How many seats there are.
    pub(super) fn capacity(&self) -> usize {
        self.flights.len() * flights::ROWS as usize * 6
    }

    /// Does something to the broker, which blocks.
    pub(super) async fn with_broker(&mut self, change: impl FnOnce(&mut RabbitMq) + Send + 'static) {
        self.broker = Some(with(self.broker.take().unwrap(), change).await);
    }

    /// Does something to PostgreSQL, which blocks.
    pub(super) async fn with_postgres(&mut self, change: impl FnOnce(&mut Postgres) + Send + 'static) {
        self.postgres = Some(with(self.postgres.take().unwrap(), change).await);
    }

    /// Stops everything.
    pub(super) async fn stop(mut self) {
        let mailer = self.mailer.take().unwrap();
        let _ = mailer.stop.send(());
        tokio::task::spawn_blocking(move || mailer.thread.join().unwrap()).await.unwrap();
        self.instances.iter_mut().for_each(InstanceProcess::kill);
        self.keys.stop().await;
        let end = move || {
            // It takes seconds to stop in order.
            self.broker.take().unwrap().kill();
            drop(self.postgres.take());
        };
        tokio::task::spawn_blocking(end).await.unwrap();
    }
}

async fn with<T: Send + 'static>(mut server: T, change: impl FnOnce(&mut T) + Send + 'static) -> T {
    let changing = move || {
        change(&mut server);
        server
    };
    tokio::task::spawn_blocking(changing).await.unwrap()
}

impl Mailer {
    fn start(database: &DatabaseConfig, amqp_url: &str, keys: &Keys, smtp: &SmtpSink) -> Self {
        let secret = SERVICE_TOKEN_SECRET.to_owned().into();
        let service = ServiceConfig::embedded(([127, 0, 0, 1], 0).into(), database, secret);
        let mut config = MailerConfig::embedded(service, Destination::Smtp(smtp.url().into()));
        config.send_concurrency = 16;
        config.send_timeout_ms = SEND_TIMEOUT_MS;
        let amqp =
            AmqpConfig { queues: queues::ALL, ..AmqpConfig::new(amqp_url.to_owned().into(), "mailer") };
        let keys = keys.url.clone();
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            Runtime::new().block_on(async move {
                let bus = Bus::new(Amqp::connect(&amqp).unwrap());
                let keys = shared::auth::KeySource::fetched(keys);
                let running =
                    mailer::app::start(config, ServiceContext::new(bus.clone(), keys)).await.unwrap();
                // An error means that the test has failed.
                let _ = stopped.await;
                running.stop().await;
                bus.close().await;
            });
        };
        Self { stop, thread: thread::spawn(run) }
    }
}
