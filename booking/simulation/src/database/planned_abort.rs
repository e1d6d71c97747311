//! How transactions fail.

use booking_engine::store_error::{StoreError, StoreFault};

/// Where and how a transaction fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlannedAbort {
    /// The number of the call that fails, from 1.
    pub(crate) call: usize,
    pub(crate) kind: AbortCause,
}

/// Why a transaction fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AbortCause {
    /// Two transactions wait for each other.
    Deadlock,
    /// A lock was not granted in time.
    Lock,
    /// A value cannot be stored.
    Data,
}

impl PlannedAbort {
    pub(crate) fn error(self) -> StoreError {
        let (fault, text) = match self.kind {
            AbortCause::Deadlock => (StoreFault::Conflict, "deadlock detected"),
            AbortCause::Lock => (StoreFault::LockTimeout, "canceling statement due to lock timeout"),
            AbortCause::Data => (StoreFault::Data, "a value that cannot be"),
        };
        StoreError::new(fault, text)
    }
}
