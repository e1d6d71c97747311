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

pub(crate) use rows::{Change, Holder, KeyRow, Rows};
pub(crate) use transaction::{Abort, Failing, Transaction};

use crate::time::instant;
use chrono::{DateTime, Utc};
use shared::events::Event;
use std::collections::VecDeque;

/// See the module.
#[derive(Default)]
pub(crate) struct Database {
    pub(crate) rows: Rows,
    /// Nobody can connect before this.
    pub(crate) down_until: u64,
    /// How far its clock is ahead, microseconds. Never goes back.
    ahead: u64,
    /// Document numbers that were drawn, for good: sequences know no rollback.
    documents: i64,
    /// Committed events that were not published yet.
    pub(crate) outbox: VecDeque<Event>,
}

impl Database {
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

    fn draw_document(&mut self) -> i64 {
        self.documents += 1;
        999_999_999 + self.documents
    }
}
