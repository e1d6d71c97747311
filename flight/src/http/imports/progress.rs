//! The progress of an import that is under way.

use crate::domain::import::ImportCounts;
use std::sync::{Mutex, PoisonError};

/// The counts of an import that is under way.
#[derive(Debug, Default)]
pub(super) struct ImportProgress(Mutex<ImportCounts>);

impl ImportProgress {
    pub(super) fn set(&self, counts: ImportCounts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    pub(super) fn counts(&self) -> ImportCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
