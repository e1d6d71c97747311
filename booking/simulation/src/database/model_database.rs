//! The database itself: its rows, its clock, and whether it can be reached.

use crate::{database::ModelRows, ground::time::instant};
use booking_engine::store_error::StoreError;
use chrono::{DateTime, Utc};
use shared::events::Event;
use std::collections::VecDeque;

/// The database cannot be reached.
pub(crate) fn unavailable() -> StoreError {
    StoreError::unavailable("the database is down")
}

/// The model of the database.
#[derive(Default)]
pub(crate) struct ModelDatabase {
    pub(crate) rows: ModelRows,
    /// Nobody can connect before this.
    pub(crate) down_until: u64,
    /// How far its clock is ahead, microseconds. Never goes back.
    ahead: u64,
    /// Document numbers that were drawn, for good: sequences know no rollback.
    documents: i64,
    /// Committed events that were not published yet.
    pub(crate) outbox: VecDeque<Event>,
}

impl ModelDatabase {
    /// The clock. It advances with every look.
    pub(crate) fn clock(&mut self, now: u64) -> DateTime<Utc> {
        self.ahead += 1;
        instant(now + self.ahead)
    }

    /// The clock as it was read last, or later.
    pub(crate) fn last_clock(&self, now: u64) -> DateTime<Utc> {
        instant(now + self.ahead)
    }

    /// The clock jumps forward.
    pub(crate) fn leap(&mut self, micros: u64) {
        self.ahead += micros;
    }

    pub(crate) fn is_down(&self, now: u64) -> bool {
        now < self.down_until
    }

    /// Draws the number of a document.
    pub(crate) fn draw_document(&mut self) -> i64 {
        self.documents += 1;
        999_999_999 + self.documents
    }
}
