//! Why a store did not do what it was asked, as far as decisions depend on it. What the database said is the source.

use std::{error::Error, sync::Arc};

/// What is to be made of an error of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// A lock was not granted in time. The transaction is rolled back.
    LockTimeout,
    /// The transaction was rolled back for the sake of others: a deadlock, or a serialization failure.
    Conflict,
    /// A unique constraint was violated: somebody was faster.
    Duplicate,
    /// A value cannot be stored, or what is stored cannot be read.
    Data,
    /// Nobody answers.
    Unavailable,
    /// Anything else: a fault of ours, as a rule.
    Other,
}

/// An error of the store. The transaction is over with it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store has failed ({fault:?})")]
pub struct StoreError {
    /// What is to be made of it.
    pub fault: StoreFault,
    #[source]
    source: Arc<dyn Error + Send + Sync>,
}

/// What the store gives.
pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// An error with its source.
    pub fn new(fault: StoreFault, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { fault, source: Arc::from(source.into()) }
    }

    /// Nobody answers.
    pub fn unavailable(reason: &str) -> Self {
        Self::new(StoreFault::Unavailable, reason)
    }
}
