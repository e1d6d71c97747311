//! `Sales`: the requests of travellers, on their way through inventory, ledger and payment desk.

use crate::{
    ledger::{admission::QueueSlot, command::Command, staff::StaffAuthor},
    ports::{Clock, FlightInventory, Ids, KeyLookup, LedgerQueue, Payments, RequestContext},
    sell::running_keys::RunningKeys,
};
use shared_types::money::Currency;
use std::sync::Arc;

/// The dependencies of sales.
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
    /// The source of identifiers.
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
    /// The source of identifiers.
    fn ids(&self) -> &Self::Ids;
}

/// The terms of all sales.
#[derive(Debug, Clone, Copy)]
pub struct SalesTerms {
    /// The currency of all prices.
    pub currency: Currency,
    /// The longest hold that a request may ask for, in minutes.
    pub max_hold_minutes: u32,
}

/// A request that was admitted: its deadline, its client and its queue slot.
#[derive(Debug)]
pub struct AdmittedRequest {
    /// Deadline and client.
    pub context: RequestContext,
    /// The queue slot of its claim; `None`: it has none.
    pub slot: Option<QueueSlot>,
}

/// The requests of travellers. A request runs in its own task, which a disconnecting client does not cancel. The
/// methods are in the files of this folder: [`purchase`](super::purchase), [`amend`](super::amend),
/// [`idempotent`](super::idempotent), and their parts [`check`](super::check) and [`reserve`](super::reserve).
///
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Sales<D> {
    /// The dependencies.
    pub deps: D,
    /// The terms of all sales.
    pub terms: SalesTerms,
    /// The keys whose requests run in this process.
    pub(crate) running: RunningKeys,
    /// The member of staff whose commands these are; `None`: nothing is recorded.
    author: Option<Arc<StaffAuthor>>,
}

impl<D: SalesDeps> Sales<D> {
    /// Sales on these terms.
    pub fn new(deps: D, terms: SalesTerms) -> Self {
        Self::sharing_keys(deps, terms, RunningKeys::default())
    }

    /// Sales of a process that share the keys whose requests run in it.
    pub fn sharing_keys(deps: D, terms: SalesTerms, running: RunningKeys) -> Self {
        Self { deps, terms, running, author: None }
    }

    /// The same sales, whose changes of bookings are recorded as those of a member of staff.
    #[must_use]
    pub fn by_staff(&self, author: StaffAuthor) -> Self
    where
        D: Clone,
    {
        Self { author: Some(Arc::new(author)), ..self.clone() }
    }

    /// The command as it is given to a ledger.
    pub(crate) fn authored(&self, command: Command) -> Command {
        match &self.author {
            Some(author) => Command::ByStaff { author: Arc::clone(author), command: Box::new(command) },
            None => command,
        }
    }
}
