//! `DisruptionDesk`: applies the airline's changes of a flight to its bookings. The bookings of a cancelled flight are
//! cancelled and refunded in full. The bookings of a moved flight get its new times, with an event for each.

use super::{ledger::Ledgers, payment::PaymentDesk};
use crate::store::{
    disruptions,
    errors::{pool_error, store_error},
};
use booking_engine::{
    booking::disruption::PendingDisruption,
    follow::{self, DisruptionStore, FollowDeps},
    ports::Payments,
    store_error::StoreResult,
};
use shared::{
    db::Pool,
    error_chain::ErrorChain,
    ids::{BookingId, FlightId},
    ticker::Ticker,
};
use std::time::{Duration, Instant};

/// A cloneable handle of the desk.
#[derive(Clone)]
pub(crate) struct DisruptionDesk(Ticker);

impl DisruptionDesk {
    /// Starts the desk on the present arbiter; it begins with the changes that other instances left undone.
    pub(crate) fn start(pool: Pool, ledgers: Ledgers, payments: PaymentDesk, interval: Duration) -> Self {
        let (of_end, deps) = (pool.clone(), DeskDeps { pool, ledgers });
        let work = async move || match follow::follow_all(&deps).await {
            Ok(0) => {}
            Ok(_) => payments.nudge(),
            // The service stops; the next run finds the rest.
            Err(_) if deps.pool.is_closed() => {}
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "Bookings could not follow their flights")
            }
        };
        let ticker = Ticker::start("disruption desk", interval, move || of_end.is_closed(), work);
        ticker.nudge();
        Self(ticker)
    }

    /// Flights may have changed.
    pub(crate) fn nudge(&self) {
        self.0.nudge();
    }
}

struct DeskDeps {
    pool: Pool,
    ledgers: Ledgers,
}

impl FollowDeps for DeskDeps {
    type Store = Self;
    type Ledger = Ledgers;

    fn store(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Ledgers {
        &self.ledgers
    }

    fn deadline(&self) -> Instant {
        self.ledgers.deadline()
    }
}

impl DisruptionStore for DeskDeps {
    async fn pending(&self, after: Option<FlightId>, limit: usize) -> StoreResult<Vec<PendingDisruption>> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        disruptions::pending(&connection, after, limit).await.map_err(store_error)
    }

    async fn bookings_on(&self, flight: FlightId) -> StoreResult<Vec<BookingId>> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        disruptions::bookings_on(&connection, flight).await.map_err(store_error)
    }

    async fn followed(&self, change: PendingDisruption) -> StoreResult<()> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        disruptions::done(&connection, change).await.map_err(store_error)
    }
}
