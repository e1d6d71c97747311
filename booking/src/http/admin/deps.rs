//! What the handlers of staff need beside the pool.

use shared::{
    db::{DatabaseConfig, Plans},
    money::Currency,
    outbox::RelayHandle,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Reports that run at once on an instance; further ones are refused with a time to come back.
const REPORTS: usize = 2;

/// See the module.
#[derive(Clone)]
pub(crate) struct StaffDeps {
    pub(super) database: DatabaseConfig,
    pub(super) relay: RelayHandle,
    pub(super) currency: Currency,
    /// One check of the invariants at a time: it reads everything.
    pub(super) checks: Arc<Semaphore>,
    /// Reports at a time.
    pub(super) reports: Arc<Semaphore>,
}

impl StaffDeps {
    /// Checks and reports go over connections of their own to this database, which plans their statements by
    /// its statistics; amounts are in this currency.
    pub(crate) fn new(database: DatabaseConfig, relay: RelayHandle, currency: Currency) -> Self {
        let (checks, reports) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(REPORTS)));
        let database = DatabaseConfig { plans: Plans::ByStatistics, ..database };
        Self { database, relay, currency, checks, reports }
    }
}
