//! Databases and dead letters.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::future::BoxFuture;
use shared::{
    bus::{Bus, BusError, DeadLetter, DeadLetterStore},
    db::{DatabaseConfig, Pool, SHARED_MIGRATIONS},
    events::Event,
    outbox::{self, Relay, RelayHandle},
};
use std::sync::Mutex;
use testkit::TestDatabase;
use tokio::sync::mpsc;

/// A service's database.
pub(crate) struct Store {
    pub(crate) database: TestDatabase,
    pub(crate) config: DatabaseConfig,
    pub(crate) pool: Pool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Store {
    /// An empty database.
    pub(crate) async fn new() -> Self {
        // The shared migrations are all that this service has.
        let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
        let config = database.config("booking");
        let pool = Pool::new(&config);
        Self { database, config, pool }
    }

    /// A relay of one more instance.
    pub(crate) fn relay(&self, bus: &Bus) -> RelayHandle {
        Relay::start("booking", &self.config, bus.clone())
    }

    /// Commits events.
    pub(crate) async fn commit(&self, events: &[Event]) {
        let mut connection = self.pool.get().await.expect("a connection");
        let connection: &mut AsyncPgConnection = &mut connection;
        connection
            .transaction(async |connection: &mut AsyncPgConnection| outbox::append(connection, events).await)
            .await
            .expect("committed");
    }

    /// A number out of the database.
    pub(crate) async fn count(&self, of: &str) -> i64 {
        let mut connection = self.pool.get().await.expect("a connection");
        let query = format!("SELECT count(*) AS count FROM {of}");
        let count: Count = diesel::sql_query(query).get_result(&mut connection).await.expect("counted");
        count.count
    }

    /// The name of the database.
    pub(crate) async fn database_name(&self) -> String {
        let mut connection = self.pool.get().await.expect("a connection");
        let name = diesel::dsl::sql::<Text>("current_database()::text");
        diesel::select(name).get_result(&mut connection).await.expect("a name")
    }

    /// Runs a statement behind the service's back.
    pub(crate) async fn as_superuser(&self, statement: &str) {
        let mut admin =
            AsyncPgConnection::establish(&self.database.superuser_url()).await.expect("a superuser");
        diesel::sql_query(statement).execute(&mut admin).await.expect("it runs");
    }
}

/// For tests in which no message is given up.
pub(crate) struct NoDeadLetters;

impl DeadLetterStore for NoDeadLetters {
    fn store<'a>(&'a self, queue: &'a str, letter: DeadLetter) -> BoxFuture<'a, Result<(), BusError>> {
        panic!("a message of {queue} was given up: {letter:?}")
    }
}

/// Keeps dead letters, after it has failed a few times.
pub(crate) struct Letters {
    failures: Mutex<usize>,
    stored: mpsc::UnboundedSender<(String, DeadLetter)>,
}

impl Letters {
    /// Fails so often, then sends what it is given.
    pub(crate) fn failing(failures: usize) -> (Self, mpsc::UnboundedReceiver<(String, DeadLetter)>) {
        let (stored, letters) = mpsc::unbounded_channel();
        (Self { failures: Mutex::new(failures), stored }, letters)
    }
}

impl DeadLetterStore for Letters {
    fn store<'a>(&'a self, queue: &'a str, letter: DeadLetter) -> BoxFuture<'a, Result<(), BusError>> {
        let mut failures = self.failures.lock().expect("no panic holds it");
        let stored = if *failures > 0 {
            *failures -= 1;
            Err(BusError::DeadLetter("of the test".into()))
        } else {
            self.stored.send((queue.to_owned(), letter)).expect("the test listens");
            Ok(())
        };
        Box::pin(std::future::ready(stored))
    }
}
