//! What lies below the services: PostgreSQL with a role and a schema for each, and RabbitMQ where it is wanted.

use crate::{cli::UpOptions, home::Home};
use anyhow::Context;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use servers::{Postgres, PostgresOptions, RabbitMq, RabbitMqOptions};
use shared::db::{DatabaseConfig, provision};

/// The services in the order of their start.
pub const SERVICES: [&str; 4] = ["booking", "flight", "mailer", "gateway"];

/// The name of the database in a private PostgreSQL.
pub(crate) const DATABASE: &str = "aerobus";

/// Connections that each service may open.
const POOL_SIZE: usize = 8;

/// PostgreSQL, ours or given, with a role and a schema per service.
pub struct Database {
    server: Option<Postgres>,
    access: Vec<DatabaseConfig>,
}

impl Database {
    /// Starts the private server, or uses the given one, and makes roles and schemas.
    ///
    /// # Errors
    /// When the server does not start or its user may not create roles.
    pub async fn open(options: &UpOptions, home: &mut Home) -> anyhow::Result<Self> {
        let (server, url) = match &options.database {
            Some(url) => (None, url.clone()),
            None => {
                let server = start_postgres(home).await?;
                let admin = SecretString::from(server.url("postgres"));
                create_database(&admin).await?;
                let url = SecretString::from(server.url(DATABASE));
                (Some(server), url)
            }
        };
        let mut access = Vec::new();
        for service in SERVICES {
            let password = home.secret(&format!("database_{service}"))?;
            let provisioned = provision(&url, service, &password, POOL_SIZE).await;
            access.push(provisioned.with_context(|| format!("the schema of {service} cannot be prepared"))?);
        }
        Ok(Self { server, access })
    }

    /// A service's own access.
    ///
    /// # Panics
    /// For a service that is none of [`SERVICES`].
    #[must_use]
    pub fn of(&self, service: &str) -> &DatabaseConfig {
        let found = self.access.iter().find(|access| access.schema == service);
        found.unwrap_or_else(|| unreachable!("{service} is no service"))
    }

    /// Stops the server where it is ours.
    pub async fn close(self) {
        if let Some(server) = self.server {
            stop(move || server.stop()).await;
        }
    }
}

pub(crate) async fn start_postgres(home: &Home) -> anyhow::Result<Postgres> {
    let data_dir = home.path().join("postgres");
    let settings = [
        ("max_connections", "200"),
        ("shared_buffers", "256MB"),
        // Bookings are small rows written often: checkpoints further apart write less.
        ("max_wal_size", "2GB"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let start = move || Postgres::start(PostgresOptions { data_dir, port: None, settings });
    tokio::task::spawn_blocking(start).await?.context("the private PostgreSQL does not start")
}

async fn create_database(admin: &SecretString) -> anyhow::Result<()> {
    let mut connection = AsyncPgConnection::establish(admin.expose_secret()).await?;
    let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'");
    if diesel::sql_query(exists).execute(&mut connection).await? == 0 {
        diesel::sql_query(format!("CREATE DATABASE {DATABASE}")).execute(&mut connection).await?;
    }
    Ok(())
}

/// RabbitMQ, ours or given.
pub struct Broker {
    server: Option<RabbitMq>,
    /// Its address, with the password.
    pub url: SecretString,
}

impl Broker {
    /// The broker that was asked for: a given one, a private one for separate processes, or none where
    /// the bus lies in the process.
    ///
    /// # Errors
    /// When the private server does not start.
    pub async fn open(options: &UpOptions, home: &Home) -> anyhow::Result<Option<Self>> {
        if let Some(url) = &options.amqp {
            return Ok(Some(Self { server: None, url: url.clone() }));
        }
        if !options.processes {
            return Ok(None);
        }
        let base_dir = home.path().join("rabbitmq");
        let start = move || RabbitMq::start(RabbitMqOptions { base_dir, port: None });
        let server =
            tokio::task::spawn_blocking(start).await?.context("the private RabbitMQ does not start")?;
        let url = SecretString::from(server.url());
        Ok(Some(Self { server: Some(server), url }))
    }

    /// Stops the server where it is ours.
    pub async fn close(self) {
        if let Some(server) = self.server {
            stop(move || server.stop()).await;
        }
    }
}

/// Stopping blocks, and a failure is no reason not to stop the rest.
pub(crate) async fn stop(stop: impl FnOnce() -> Result<(), servers::ServerError> + Send + 'static) {
    match tokio::task::spawn_blocking(stop).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error.message = %error, "A private server was not stopped cleanly"),
        Err(error) => tracing::warn!(error.message = %error, "A private server was not stopped cleanly"),
    }
}
