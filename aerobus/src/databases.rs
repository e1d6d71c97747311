//! PostgreSQL below the services, with a role and a schema for each.

use crate::{cli::UpOptions, installation::Installation, private_server::stop_server};
use anyhow::Context;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use servers::{Postgres, PostgresOptions};
use shared::db::{DatabaseConfig, provision};
use std::path::Path;

/// The services in the order of their start.
pub(crate) const SERVICES: [&str; 4] = ["booking", "flight", "mailer", "gateway"];

/// The name of the database in a private PostgreSQL.
pub(crate) const DATABASE: &str = "aerobus";

/// Connections that each service may open.
const POOL_SIZE: usize = 8;

/// PostgreSQL, ours or given, with a role and a schema per service.
pub(crate) struct Databases {
    server: Option<Postgres>,
    access: Vec<DatabaseConfig>,
}

impl Databases {
    /// Starts the private server, or uses the given one, and makes roles and schemas.
    ///
    /// # Errors
    /// When the server does not start or its user may not create roles.
    pub(crate) async fn open(options: &UpOptions, installation: &mut Installation) -> anyhow::Result<Self> {
        let (server, url) = match &options.database {
            Some(url) => (None, url.clone()),
            None => {
                let server = start_postgres(installation).await?;
                let admin = SecretString::from(server.url("postgres"));
                create_database(&admin).await?;
                let url = SecretString::from(server.url(DATABASE));
                (Some(server), url)
            }
        };
        let mut access = Vec::new();
        for service in SERVICES {
            let password = installation.secret(&format!("database_{service}"))?;
            let provisioned = provision(&url, service, &password, POOL_SIZE).await;
            access.push(provisioned.with_context(|| format!("the schema of {service} cannot be prepared"))?);
        }
        Ok(Self { server, access })
    }

    /// A service's own access.
    ///
    /// # Panics
    /// For a service that is none of [`SERVICES`].
    pub(crate) fn of(&self, service: &str) -> &DatabaseConfig {
        let found = self.access.iter().find(|access| access.schema == service);
        found.unwrap_or_else(|| unreachable!("{service} is no service"))
    }

    /// Stops the server where it is ours.
    pub(crate) async fn close(self) {
        if let Some(server) = self.server {
            stop_server(move || server.stop()).await;
        }
    }
}

pub(crate) async fn start_postgres(installation: &Installation) -> anyhow::Result<Postgres> {
    let data_dir = installation.path().join("postgres");
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

/// A service's access to the private database of an installation: that of the running server, or of one that is started for
/// the purpose and returned, to be stopped.
pub(crate) async fn installed(
    data_dir: &Path,
    service: &str,
) -> anyhow::Result<(Option<Postgres>, SecretString)> {
    let folder = data_dir.join("postgres");
    anyhow::ensure!(folder.exists(), "there is no installation in {}; name a database", data_dir.display());
    let mut installation = Installation::open(data_dir)?;
    let password = installation.secret(&format!("database_{service}"))?;
    let (server, port) = match Postgres::running_port(&folder) {
        Some(port) => (None, port),
        None => {
            let server = start_postgres(&installation).await?;
            let port = server.port();
            (Some(server), port)
        }
    };
    // Letters and digits only: it needs no escaping.
    let password = password.expose_secret();
    let url = format!("postgres://aerobus_{service}:{password}@127.0.0.1:{port}/{DATABASE}");
    Ok((server, url.into()))
}
