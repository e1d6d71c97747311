//! Errors of a store, as far as decisions depend on them. The error of the database is their source.

use std::{error::Error, sync::Arc};

/// The kind of a store's error: it decides about the reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// A lock was not granted in time. The transaction is rolled back.
    LockTimeout,
    /// The database has rolled the transaction back because of another one: a deadlock, or a serialization failure.
    Conflict,
    /// A unique constraint was violated: another transaction was faster.
    Duplicate,
    /// A value cannot be stored, or a stored value cannot be read.
    Data,
    /// The database does not answer.
    Unavailable,
    /// Any other error: usually a fault of this service.
    Other,
}

/// An error of the store. It ends the transaction.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store has failed ({fault:?})")]
pub struct StoreError {
    /// The kind of the error.
    pub fault: StoreFault,
    #[source]
    source: Arc<dyn Error + Send + Sync>,
}

/// The result of a call of the store.
pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// An error with its source.
    pub fn new(fault: StoreFault, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { fault, source: Arc::from(source.into()) }
    }

    /// The error of a database that does not answer.
    pub fn unavailable(reason: &str) -> Self {
        Self::new(StoreFault::Unavailable, reason)
    }
}
