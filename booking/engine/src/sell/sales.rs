//! `Sales`: the requests of travellers, on their way through inventory, ledger and payment desk.

use crate::{
    ledger::admission::QueueSlot,
    ports::{Clock, FlightInventory, Ids, KeyLookup, LedgerQueue, Payments, RequestContext},
    sell::idempotent::RunningKeys,
};
use shared_types::money::Currency;

/// What sales need of the world around them.
pub trait SalesDeps {
    /// The flights and their seats.
    type Inventory: FlightInventory;
    /// The ledgers.
    type Ledger: LedgerQueue;
    /// The payment desk.
    type Payments: Payments;
    /// The stored idempotency keys.
    type Keys: KeyLookup;
    /// The clocks.
    type Clock: Clock;
    /// Where identifiers come from.
    type Ids: Ids;

    /// The flights and their seats.
    fn inventory(&self) -> &Self::Inventory;
    /// The ledgers.
    fn ledger(&self) -> &Self::Ledger;
    /// The payment desk.
    fn payments(&self) -> &Self::Payments;
    /// The stored idempotency keys.
    fn keys(&self) -> &Self::Keys;
    /// The clocks.
    fn clock(&self) -> &Self::Clock;
    /// Where identifiers come from.
    fn ids(&self) -> &Self::Ids;
}

/// What everything is sold on.
#[derive(Debug, Clone, Copy)]
pub struct SalesTerms {
    /// The currency of all prices.
    pub currency: Currency,
    /// Minutes that a hold may be asked for.
    pub max_hold_minutes: u32,
}

/// A request on its way: until when it may wait, on whose behalf, and with which slot in the ledgers' queues.
#[derive(Debug)]
pub struct AdmittedRequest {
    /// Until when, and on whose behalf.
    pub context: RequestContext,
    /// The slot of its claim.
    pub slot: Option<QueueSlot>,
}

/// See the module. It runs in the task of its request, which a disconnecting client does not cancel. Its methods are in
/// the files of this folder: [`purchase`](super::purchase), [`amend`](super::amend), [`idempotent`](super::idempotent),
/// and their parts [`check`](super::check) and [`reserve`](super::reserve).
///
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Sales<D> {
    /// What it needs.
    pub deps: D,
    /// What everything is sold on.
    pub terms: SalesTerms,
    /// The keys whose requests run in this process.
    pub(crate) running: RunningKeys,
}

impl<D: SalesDeps> Sales<D> {
    /// Sales on these terms.
    pub fn new(deps: D, terms: SalesTerms) -> Self {
        Self { deps, terms, running: RunningKeys::default() }
    }
}
