//! What a service tells the gateway of itself, below `/internal`: its status, and its dead letters.

mod routes;
mod status;

pub use routes::{routes, status_route};
pub use status::ServiceStatus;

use crate::{
    db::{DbError, Pool},
    outbox::{DeadLetterDesk, DeadLetters, RelayHandle},
};
use chrono::{DateTime, Utc};

/// A service as operators look at it. Clones share everything.
#[derive(Clone)]
pub struct Operations {
    service: &'static str,
    started_at: DateTime<Utc>,
    pool: Pool,
    dead_letters: DeadLetterDesk,
}

impl Operations {
    /// Of a service that has started now, over a pool for requests.
    #[must_use]
    pub fn new(service: &'static str, pool: &Pool, dead_letters: &DeadLetters, relay: &RelayHandle) -> Self {
        let dead_letters = dead_letters.desk(service, pool.clone(), relay.clone());
        Self { service, started_at: Utc::now(), pool: pool.clone(), dead_letters }
    }

    /// When this instance started.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    /// Its dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetterDesk {
        &self.dead_letters
    }

    /// How it is now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn status(&self) -> Result<ServiceStatus, DbError> {
        let mut connection = self.pool.get().await?;
        ServiceStatus::read(&mut connection, self.service, self.started_at).await.map_err(DbError::from)
    }
}
