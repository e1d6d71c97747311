//! Transactions on the model of the database, and the ledger's store over them.

mod ledger_store;
mod locking;
mod model_transaction;
mod seats;
mod writing;

pub(crate) use ledger_store::ModelLedgerStore;
