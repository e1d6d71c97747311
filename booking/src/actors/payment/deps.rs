//! What the sagas of this instance are given.

use super::{circuit::Circuit, settlement_writer::SettlementMessage, watched_provider::WatchedProvider};
use crate::{
    actors::{ledger::Ledgers, system::SystemClock},
    store::{
        self,
        errors::{pool_error, store_error},
    },
};
use booking_engine::{
    ports::SettlementStore,
    saga::{
        carry::SagaDeps,
        settlement::{UnsettledPayment, UnsettledRefund},
    },
    store_error::{StoreError, StoreFault, StoreResult},
};
use chrono::TimeDelta;
use shared::{db::Pool, ids::PaymentId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, mpsc};

/// The state that a stop and the sweeps share.
#[derive(Debug, Clone, Default)]
pub(super) struct Closing {
    /// No further sweep begins.
    pub(super) asked: Arc<AtomicBool>,
    /// Held by a sweep.
    pub(super) sweep: Arc<Mutex<()>>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct PaymentDeps {
    pub(super) provider: WatchedProvider,
    pub(super) ledgers: Ledgers,
    pub(super) settlements: Settlements,
    pub(super) circuit: Circuit,
    pub(super) closing: Closing,
    /// The sweep resumes a payment that was idle for this time.
    pub(super) idle: Duration,
}

impl SagaDeps for PaymentDeps {
    type Provider = WatchedProvider;
    type Ledger = Ledgers;
    type Settlements = Settlements;
    type Clock = SystemClock;

    fn provider(&self) -> &WatchedProvider {
        &self.provider
    }

    fn ledger(&self) -> &Ledgers {
        &self.ledgers
    }

    fn settlements(&self) -> &Settlements {
        &self.settlements
    }

    fn clock(&self) -> &SystemClock {
        &SystemClock
    }

    fn deadline(&self) -> Instant {
        self.ledgers.deadline()
    }

    fn idle(&self) -> Duration {
        self.idle
    }

    fn is_closing(&self) -> bool {
        self.closing.asked.load(Ordering::Acquire) || self.settlements.pool.is_closed()
    }

    fn provider_is_silent(&self) -> bool {
        self.circuit.is_open()
    }
}

/// The queues of payments and refunds in PostgreSQL.
#[derive(Clone)]
pub(super) struct Settlements {
    pub(super) pool: Pool,
    /// The settlement writer.
    pub(super) writer: mpsc::Sender<SettlementMessage>,
}

impl SettlementStore for Settlements {
    async fn take_payments(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledPayment>> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        store::unsettled_payments::take(&connection, idle, limit).await.map_err(store_error)
    }

    async fn take_refunds(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledRefund>> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        store::refunds::take_unsettled(&connection, idle, limit).await.map_err(store_error)
    }

    async fn mark_settled(&self, payment: PaymentId) -> StoreResult<()> {
        let written = self.writer.send(SettlementMessage::Settled(payment)).await;
        written.map_err(|_| StoreError::new(StoreFault::Other, "the settlement writer is stopped"))
    }

    async fn mark_refunded(&self, refund: &UnsettledRefund) -> StoreResult<()> {
        let connection = self.pool.get().await.map_err(pool_error)?;
        store::refunds::mark_settled(&connection, &[refund.id.0]).await.map_err(store_error)
    }
}
