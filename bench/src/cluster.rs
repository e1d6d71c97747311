//! The private PostgreSQL that both sides are measured on, its databases, and looking into them.

use anyhow::Context;
use diesel::{
    prelude::QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use servers::{Postgres, PostgresOptions};
use shared::db::{DatabaseConfig, diesel_migrations::EmbeddedMigrations, migrate, provision};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use url::Url;

/// The server's settings, printed with the results. Nothing here makes a commit less durable: these
/// give a server for many clients room, and keep checkpoints, which are run between the rounds, out of
/// them.
pub const SETTINGS: [(&str, &str); 7] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "1GB"),
    ("max_connections", "200"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "30min"),
];

/// The password of the roles within the private cluster, which listens on loopback and is thrown away. Roles belong
/// to all databases of a cluster, so all that make them use this one.
pub const PASSWORD: &str = "bench";

/// A private PostgreSQL in a folder that goes with it.
pub struct Cluster {
    postgres: Option<Postgres>,
    folder: PathBuf,
    settings: Vec<(String, String)>,
}

impl Cluster {
    /// Starts one in a folder of this process below `parent`, and clears away what killed runs have
    /// left there. Blocks.
    ///
    /// # Errors
    /// Those of the file system and of the server.
    pub fn start(parent: &Path) -> anyhow::Result<Self> {
        Self::start_with(parent, &[])
    }

    /// The same with further settings, which go before [`SETTINGS`] of the same name.
    ///
    /// # Errors
    /// Those of the file system and of the server.
    pub fn start_with(parent: &Path, further: &[(&str, &str)]) -> anyhow::Result<Self> {
        fs::create_dir_all(parent).with_context(|| format!("could not create {}", parent.display()))?;
        clear_leftovers(parent)?;
        let folder = parent.join(format!("bench-{}", std::process::id()));
        let is_replaced = |name: &str| further.iter().any(|(other, _)| *other == name);
        let usual = SETTINGS.iter().filter(|(name, _)| !is_replaced(name));
        let settings: Vec<(String, String)> =
            usual.chain(further).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = PostgresOptions { data_dir: folder.clone(), port: None, settings: settings.clone() };
        let postgres = Postgres::start(options).context("PostgreSQL did not start")?;
        Ok(Self { postgres: Some(postgres), folder, settings })
    }

    /// The server's settings, `name=value`.
    #[must_use]
    pub fn settings(&self) -> String {
        let settings = self.settings.iter().map(|(name, value)| format!("{name}={value}"));
        settings.collect::<Vec<_>>().join(" ")
    }

    /// The process id of the server, the parent of all its processes.
    ///
    /// # Errors
    /// Where it is stopped.
    pub fn process_id(&self) -> anyhow::Result<u32> {
        Ok(self.postgres.as_ref().context("the server is stopped")?.pid())
    }

    /// The folder that the server's data lie in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn url(&self, database: &str) -> anyhow::Result<String> {
        let postgres = self.postgres.as_ref().context("the server is stopped")?;
        Ok(postgres.url(database))
    }

    /// A connection of the superuser.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn admin(&self, database: &str) -> anyhow::Result<AsyncPgConnection> {
        Ok(AsyncPgConnection::establish(&self.url(database)?).await?)
    }

    /// Makes an empty database; gives its address for the superuser.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn create_empty(&self, name: &str) -> anyhow::Result<SecretString> {
        let mut admin = self.admin("postgres").await?;
        diesel::sql_query(format!("CREATE DATABASE {name}")).execute(&mut admin).await?;
        Ok(SecretString::from(self.url(name)?))
    }

    /// Removes a database, and ends the sessions in it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove(&self, name: &str) -> anyhow::Result<()> {
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        diesel::sql_query(drop).execute(&mut self.admin("postgres").await?).await?;
        Ok(())
    }

    /// Makes a database with the schema of a service.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn create(
        &self,
        name: &str,
        service: &str,
        migrations: EmbeddedMigrations,
    ) -> anyhow::Result<ServiceDatabase> {
        let url = self.create_empty(name).await?;
        let config = provision(&url, service, &PASSWORD.to_owned().into(), 8).await?;
        migrate(&config, migrations).await?;
        Ok(ServiceDatabase { config })
    }

    /// Brings everything to disk, so that no side pays for what the other has written.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn checkpoint(&self) -> anyhow::Result<()> {
        diesel::sql_query("CHECKPOINT").execute(&mut self.admin("postgres").await?).await?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.postgres.take());
        remove(&self.folder);
    }
}

/// Removes a server's folder, and where it is a link, what it leads to.
fn remove(folder: &Path) {
    // What cannot be removed is tried again by the next run.
    if let Ok(target) = fs::read_link(folder) {
        let _ = fs::remove_dir_all(target);
        let _ = fs::remove_file(folder);
    } else {
        let _ = fs::remove_dir_all(folder);
    }
}

fn clear_leftovers(parent: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("bench-")?.parse::<u32>().ok());
        if owner.is_some_and(servers::is_gone) {
            remove(&entry.path());
        }
    }
    Ok(())
}

/// A database with the schema of a service.
#[derive(Clone)]
pub struct ServiceDatabase {
    /// The service's access.
    pub config: DatabaseConfig,
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    words: String,
}

impl ServiceDatabase {
    /// The environment in which PostgreSQL's own programs find this database: a password among their
    /// arguments could be seen by everybody.
    ///
    /// # Errors
    /// Where the address is none.
    pub fn environment(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let url = Url::parse(self.config.url.expose_secret())?;
        Ok(vec![
            ("PGHOST", url.host_str().unwrap_or("127.0.0.1").to_owned()),
            ("PGPORT", url.port().unwrap_or(5432).to_string()),
            ("PGUSER", url.username().to_owned()),
            ("PGPASSWORD", url.password().unwrap_or_default().to_owned()),
            ("PGDATABASE", url.path().trim_start_matches('/').to_owned()),
            ("PGOPTIONS", format!("-c search_path={}", self.config.schema)),
        ])
    }

    /// A connection of the service's role, without a limit on how long statements take.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn connect(&self) -> anyhow::Result<AsyncPgConnection> {
        let mut connection = self.config.connect().await?;
        diesel::sql_query("SET statement_timeout = 0").execute(&mut connection).await?;
        Ok(connection)
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn run(&self, statement: &str) -> anyhow::Result<usize> {
        let ran = diesel::sql_query(statement).execute(&mut self.connect().await?).await;
        ran.with_context(|| statement.to_owned())
    }

    /// The `number` that a query gives.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn number(&self, query: &str) -> anyhow::Result<i64> {
        let row: Result<NumberRow, _> = diesel::sql_query(query).get_result(&mut self.connect().await?).await;
        Ok(row.with_context(|| query.to_owned())?.number)
    }

    /// The `words` that a query gives.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn words(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let rows: Result<Vec<TextRow>, _> = diesel::sql_query(query).load(&mut self.connect().await?).await;
        Ok(rows.with_context(|| query.to_owned())?.into_iter().map(|row| row.words).collect())
    }

    /// Lets the planner look at the tables, as autovacuum does within a minute; prepared statements are
    /// planned anew after it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn analyze(&self) -> anyhow::Result<()> {
        self.run("ANALYZE").await.map(drop)
    }

    /// How many rows were ever written to each table of the bookings. The outbox, whose rows go when
    /// they are published, is counted by its sequence; the queue of unsettled payments is left out, which
    /// has one row for each payment, until it is captured.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rows(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let tables = "SELECT tablename AS words FROM pg_tables WHERE schemaname = current_schema() \
                      AND tablename NOT IN ('flights', 'flight_states', 'inbox', 'outbox', 'unsettled_payments', '__diesel_schema_migrations')";
        let mut rows = BTreeMap::new();
        for table in self.words(tables).await? {
            let count = self.number(&format!("SELECT count(*) AS number FROM {table}")).await?;
            rows.insert(table, count);
        }
        let drawn = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS number FROM outbox_seq_seq";
        rows.insert("outbox".to_owned(), self.number(drawn).await?);
        Ok(rows)
    }
}
