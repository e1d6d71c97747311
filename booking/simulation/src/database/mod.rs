//! A model of the database: the tables of booking as maps, with the keys and conditions that the
//! migrations give them, transactions that can be undone, and a clock.
//!
//! One writer at a time, as the locks of the flights' rows see to for writers of the same flight: from
//! the locks to the commit a transaction is a single step. What it reads before it has its locks may be
//! overtaken by others, as in PostgreSQL. Whether the model is kinder than the SQL is found out by
//! [replaying](super::replay) what was done to it.

mod loading;
mod rows;
mod seats;
mod tables;
mod transaction;
mod writing;

pub(super) use rows::{Change, Holder, KeyRow, Rows};
pub(super) use transaction::{Abort, Failing, Transaction, lost};

use super::world::instant;
use chrono::{DateTime, Utc};
use shared::events::Event;
use std::collections::VecDeque;

/// See the module.
#[derive(Default)]
pub(super) struct Database {
    pub(super) rows: Rows,
    /// Nobody can connect before this.
    pub(super) down_until: u64,
    /// How far its clock is ahead, microseconds. Never goes back.
    ahead: u64,
    /// Document numbers that were drawn, for good: sequences know no rollback.
    documents: i64,
    /// Committed events that were not published yet.
    pub(super) outbox: VecDeque<Event>,
}

impl Database {
    /// The clock. It advances with every look.
    pub(super) fn clock(&mut self, now: u64) -> DateTime<Utc> {
        self.ahead += 1;
        instant(now + self.ahead)
    }

    /// The clock as it was read last, or later.
    pub(super) fn last_clock(&self, now: u64) -> DateTime<Utc> {
        instant(now + self.ahead)
    }

    /// The clock jumps forward.
    pub(super) fn leap(&mut self, micros: u64) {
        self.ahead += micros;
    }

    pub(super) fn is_down(&self, now: u64) -> bool {
        now < self.down_until
    }

    fn draw_document(&mut self) -> i64 {
        self.documents += 1;
        999_999_999 + self.documents
    }
}
