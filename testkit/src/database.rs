//! A database per test, copied from a migrated template.

use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use secrecy::SecretString;
use shared::db::{DatabaseConfig, Plans, diesel_migrations::EmbeddedMigrations, migrate, provision};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};
use uuid::Uuid;

/// The password of the services' roles in the tests' cluster, which only listens on loopback.
const PASSWORD: &str = "test";

/// A database of one test alone, dropped with it.
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// A database with the schemas of these services, migrated.
    ///
    /// # Panics
    /// When the cluster cannot be reached or a migration fails.
    pub async fn create(services: Vec<(&str, EmbeddedMigrations)>) -> Self {
        let mut hasher = DefaultHasher::new();
        for (service, migrations) in &services {
            service.hash(&mut hasher);
            names(migrations).hash(&mut hasher);
        }
        let template = format!("template_{:016x}", hasher.finish());
        let name = format!("test_{}", Uuid::now_v7().simple());
        let mut admin = connect(&super::postgres_url()).await;
        // Tests run in processes of their own: the first one makes the template, the others wait.
        run(&mut admin, "SELECT pg_advisory_lock(4712)").await;
        if !exists(&mut admin, &template).await {
            run(&mut admin, "DROP DATABASE IF EXISTS template_unfinished WITH (FORCE)").await;
            run(&mut admin, "CREATE DATABASE template_unfinished").await;
            for (service, migrations) in services {
                let config = access("template_unfinished", service).await;
                migrate(&config, migrations).await.expect("the migrations of a template");
            }
            // A session that is just ending must not keep the template from being used.
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'template_unfinished'";
            run(&mut admin, end).await;
            run(&mut admin, &format!("ALTER DATABASE template_unfinished RENAME TO {template}")).await;
        }
        run(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        run(&mut admin, "SELECT pg_advisory_unlock(4712)").await;
        Self { name }
    }

    /// A database for a service alone.
    pub async fn of(service: &str, migrations: EmbeddedMigrations) -> Self {
        Self::create(vec![(service, migrations)]).await
    }

    /// A service's own access, with its role and schema.
    #[must_use]
    pub fn config(&self, service: &str) -> DatabaseConfig {
        let mut url = admin_url(&self.name);
        let user_set = url.set_username(&format!("aerobus_{service}"));
        let password_set = url.set_password(Some(PASSWORD));
        assert!(user_set.is_ok() && password_set.is_ok(), "a database URL has an authority");
        DatabaseConfig {
            url: SecretString::from(String::from(url)),
            schema: service.to_owned(),
            pool_size: 8,
            plans: Plans::default(),
        }
    }

    /// The superuser's URL of this database, for tests that look behind the services.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        admin_url(&self.name).into()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Dropping is asynchronous and this is not: a thread of its own does it. A failure only leaves
        // a database behind in a cluster that goes away with the test run.
        let name = std::mem::take(&mut self.name);
        let (done, dropped) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut admin = connect(&super::postgres_url()).await;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ = diesel::sql_query(drop).execute(&mut admin).await;
            });
            let _ = done.send(());
        });
        // Not for ever: PostgreSQL drops a database only when no session is logging in, and a session of
        // this very thread may be, which cannot go on while we wait here.
        let _ = dropped.recv_timeout(Duration::from_secs(2));
    }
}

fn admin_url(database: &str) -> url::Url {
    let mut url: url::Url = super::postgres_url().parse().expect("a database URL");
    url.set_path(database);
    url
}

async fn access(database: &str, service: &str) -> DatabaseConfig {
    let admin = SecretString::from(String::from(admin_url(database)));
    provision(&admin, service, &PASSWORD.to_owned().into(), 8).await.expect("a role and a schema")
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.expect("PostgreSQL of the tests answers")
}

async fn run(connection: &mut AsyncPgConnection, statement: &str) {
    diesel::sql_query(statement)
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn exists(connection: &mut AsyncPgConnection, database: &str) -> bool {
    let query = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
    diesel::sql_query(query).execute(connection).await.expect("the list of databases") > 0
}

fn names(migrations: &EmbeddedMigrations) -> Vec<String> {
    use diesel::migration::MigrationSource;
    let all = MigrationSource::<diesel::pg::Pg>::migrations(migrations).expect("embedded migrations");
    all.iter().map(|migration| migration.name().to_string()).collect()
}
