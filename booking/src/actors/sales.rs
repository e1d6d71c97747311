//! Sales on this instance: the engine's way of a request, over its directory, ledgers, payment desk and keys.

use super::{
    directory::Directory,
    ledger::Ledgers,
    payment::PaymentDesk,
    system::{SystemClock, SystemIds},
};
use crate::{
    deadline,
    store::{self, errors::pool_error},
};
use booking_engine::{
    booking::idempotency::Key,
    ledger::rows::KnownKey,
    ports::KeyLookup,
    sell::sales::{Sales, SalesDeps},
    store_error::StoreResult,
};
use shared::db::{DbError, Pool};
use std::time::Instant;

/// The sales of this instance.
pub(crate) type InstanceSales = Sales<InstanceDeps>;

/// What they need. Clones share everything.
#[derive(Clone)]
pub(crate) struct InstanceDeps {
    pub(crate) keys: StoredKeys,
    pub(crate) directory: Directory,
    pub(crate) ledgers: Ledgers,
    pub(crate) desk: PaymentDesk,
}

impl SalesDeps for InstanceDeps {
    type Inventory = Directory;
    type Ledger = Ledgers;
    type Payments = PaymentDesk;
    type Keys = StoredKeys;
    type Clock = SystemClock;
    type Ids = SystemIds;

    fn inventory(&self) -> &Directory {
        &self.directory
    }

    fn ledger(&self) -> &Ledgers {
        &self.ledgers
    }

    fn payments(&self) -> &PaymentDesk {
        &self.desk
    }

    fn keys(&self) -> &StoredKeys {
        &self.keys
    }

    fn clock(&self) -> &SystemClock {
        &SystemClock
    }

    fn ids(&self) -> &SystemIds {
        &SystemIds
    }
}

/// Idempotency keys in PostgreSQL.
#[derive(Clone)]
pub(crate) struct StoredKeys(pub(crate) Pool);

impl KeyLookup for StoredKeys {
    async fn find_key(&self, key: &Key, deadline: Instant) -> StoreResult<Option<KnownKey>> {
        let find = async {
            let connection = self.0.get().await?;
            store::keys::find(&connection, key).await.map_err(DbError::from)
        };
        deadline::until(deadline, find).await.map_err(pool_error)
    }
}
