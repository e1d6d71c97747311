//! `ExpirySweeper`: expires holds whose time is over.

use super::ledger::Ledgers;
use crate::store::{
    bookings,
    errors::{pool_error, store_error},
};
use booking_engine::{
    expire::{ExpireDeps, expire_holds},
    store_error::StoreResult,
};
use shared::{
    db::Pool,
    error_chain::ErrorChain,
    ids::{BookingId, FlightId},
    ticker::Ticker,
};
use std::time::{Duration, Instant};

/// Holds expired at once.
const BATCH: usize = 256;

struct SweeperDeps {
    pool: Pool,
    ledgers: Ledgers,
}

impl ExpireDeps for SweeperDeps {
    type Ledger = Ledgers;

    fn ledger(&self) -> &Ledgers {
        &self.ledgers
    }

    fn deadline(&self) -> Instant {
        self.ledgers.deadline()
    }

    async fn ended_holds(&self, limit: usize) -> StoreResult<Vec<(BookingId, FlightId)>> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        bookings::ended(&connection, limit).await.map_err(store_error)
    }
}

/// Starts the sweeper on the present arbiter; it ends when the pool is closed.
pub(crate) fn start(pool: Pool, ledgers: Ledgers, interval: Duration) {
    let (of_end, deps) = (pool.clone(), SweeperDeps { pool, ledgers });
    let work = async move || match expire_holds(&deps, BATCH).await {
        Ok(0) => {}
        Ok(count) => tracing::debug!(holds.expired = count, "Holds have expired"),
        // The service stops; the next sweep finds the rest.
        Err(_) if deps.pool.is_closed() => {}
        Err(error) => tracing::warn!(error = %ErrorChain(&error), "Holds could not be expired"),
    };
    Ticker::start("expiry sweeper", interval, move || of_end.is_closed(), work);
}
