//! Removes what has expired: sessions with their refresh tokens, counts of failed logins, devices that
//! were not used for long, and idle clients of the limits.
//!
//! Invariant: it deletes only rows that no request would read any more, a bounded number at a time.

use crate::{
    http::RequestLimiter,
    store::{known_devices, login_failures, refresh_tokens, sessions},
};
use shared::{
    db::{DbError, Pool},
    ticker::Ticker,
};
use std::{sync::Arc, time::Duration};

/// How often it sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows that one sweep deletes from a table at most.
const MOST_ROWS: i64 = 1000;

/// A handle of the sweeper.
pub(crate) struct ExpirySweeper(Ticker);

impl ExpirySweeper {
    /// Starts it on the present arbiter.
    pub(crate) fn start(pool: Pool, limiter: Arc<RequestLimiter>) -> Self {
        let sweep = async move || {
            limiter.forget_idle_clients();
            if let Err(error) = delete_expired(&pool).await {
                tracing::warn!(error.message = %error, "Expired rows could not be deleted");
            }
        };
        Self(Ticker::start("expiry sweeper", SWEEP_INTERVAL, || false, sweep))
    }

    /// Stops after the present sweep.
    pub(crate) async fn stop(&self) {
        self.0.stop().await;
    }
}

/// Deletes some of the expired rows.
async fn delete_expired(pool: &Pool) -> Result<(), DbError> {
    let mut connection = pool.get().await?;
    let sessions = sessions::delete_expired(&mut connection, MOST_ROWS).await?;
    let tokens = refresh_tokens::delete_expired(&mut connection, MOST_ROWS).await?;
    let failures = login_failures::delete_expired(&mut connection, MOST_ROWS).await?;
    let devices = known_devices::delete_expired(&mut connection, MOST_ROWS).await?;
    tracing::debug!(
        deleted.sessions = sessions,
        deleted.tokens = tokens,
        deleted.failures = failures,
        deleted.devices = devices,
        "Deleted expired rows"
    );
    Ok(())
}
