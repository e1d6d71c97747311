//! How a service is.

use crate::outbox::{backlog, count_waiting};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};

/// The answer to `GET /internal/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service, `flight`.
    pub service: String,
    /// The release of the instance that answers.
    pub version: String,
    /// When that instance started.
    pub started_at: DateTime<Utc>,
    /// Events of the service that the bus has not confirmed, counted up to 10,000.
    pub outbox_pending: i64,
    /// The age of the oldest of them in seconds; 0 without any.
    pub oldest_pending_seconds: i64,
    /// Dead letters of the service that nobody has replayed, counted up to 10,000.
    pub dead_letters: i64,
}

impl ServiceStatus {
    pub(super) async fn read(
        connection: &mut AsyncPgConnection,
        service: &str,
        started_at: DateTime<Utc>,
    ) -> QueryResult<Self> {
        let backlog = backlog(connection).await?;
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds are meant")]
        let oldest_pending_seconds = backlog.lag as i64;
        Ok(Self {
            service: service.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            outbox_pending: backlog.pending,
            oldest_pending_seconds,
            dead_letters: count_waiting(connection).await?,
        })
    }
}
