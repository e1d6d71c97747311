//! Connections for the work in batches.

use diesel::sql_types::Integer;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    db::{DatabaseConfig, DbError, Plans},
    statement,
};
use std::sync::Arc;
use tokio::sync::Mutex;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitWait {
    /// The disk: what is committed outlives a crash of the server.
    Disk,
    /// Nothing: a crash of the server undoes the last commits, of at most 0.6 s.
    Nothing,
}

statement! {
    /// Asks whether the server answers.
    Ping {} -> (Integer,),
    "SELECT 1"
}

/// A connection whose statements are planned once, by index. It is opened when it is needed, and anew after an error.
/// Statements wait for each other. Clones share it.
///
/// The runtime of its first user drives it, so all users are on one arbiter.
#[derive(Clone)]
pub(crate) struct BatchConnection(Arc<BatchConnectionParts>);

struct BatchConnectionParts {
    database: DatabaseConfig,
    wait: CommitWait,
    connection: Mutex<Option<AsyncPgConnection>>,
}

impl BatchConnection {
    /// Opens nothing yet.
    pub(crate) fn new(database: &DatabaseConfig, wait: CommitWait) -> Self {
        let database = database.planned(Plans::ByIndex);
        Self(Arc::new(BatchConnectionParts { database, wait, connection: Mutex::new(None) }))
    }

    /// Does some work on the connection.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&AsyncPgConnection) -> diesel::QueryResult<T>,
    ) -> Result<T, DbError> {
        let mut idle = self.0.connection.lock().await;
        // Taken out meanwhile: a future that is dropped midway leaves no connection in an unknown state.
        let connection = match idle.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let done = work(&connection).await?;
        *idle = Some(connection);
        Ok(done)
    }

    /// Whether the database answers.
    pub(crate) async fn is_healthy(&self) -> bool {
        let asked = self.run(async |mut connection| Ping {}.execute(&mut connection).await);
        asked.await.inspect_err(|error| tracing::warn!(%error, "The database is not usable")).is_ok()
    }

    /// Closes the connection, until it is needed again.
    pub(crate) async fn close(&self) {
        self.0.connection.lock().await.take();
    }

    async fn open(&self) -> Result<AsyncPgConnection, DbError> {
        let unavailable = |error| DbError::Unavailable(Box::new(error));
        let mut connection = self.0.database.connect().await.map_err(unavailable)?;
        if self.0.wait == CommitWait::Nothing {
            diesel::sql_query("SET synchronous_commit = off").execute(&mut connection).await?;
        }
        Ok(connection)
    }
}
