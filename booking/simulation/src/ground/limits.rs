//! Limits and times of the simulated service. Its queues are short, so that they are full now and then.

use crate::ground::time::SECOND;
use booking_engine::{ledger::queue::QueueBounds, sell::sales::SalesTerms};
use chrono::TimeDelta;
use shared::money::Currency;
use std::time::Duration;

/// Ledgers of a process.
pub(crate) const SHARDS: usize = 2;
/// Commands in a batch, and in a ledger's queue.
pub(crate) const QUEUE: QueueBounds = QueueBounds { batch: 8, waiting: 6 };
/// Claims that wait for the ledgers of a process, or are on their way there.
pub(crate) const SLOTS: usize = 12;
/// Payments that a process has in hand.
pub(crate) const PAYMENTS: usize = 24;
/// How long a request may take up to its first commit, as `BOOKING_PATIENCE_MS`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a payment prolongs its hold.
pub(crate) const PAYMENT_GRACE: TimeDelta = TimeDelta::minutes(5);
/// How long the provider may take for an answer, microseconds.
pub(crate) const PROVIDER_TIMEOUT: u64 = 10 * SECOND;
/// The sweep takes up a payment that was idle for this long.
pub(crate) const PAYMENT_IDLE: Duration = Duration::from_secs(30);
/// Holds expired at once.
pub(crate) const EXPIRED: usize = 64;
/// What everything is sold on.
pub(crate) const TERMS: SalesTerms = SalesTerms { currency: Currency::EUR, max_hold_minutes: 1440 };
/// No hold is longer than what may be asked for.
pub(crate) const LONGEST_HOLD: TimeDelta = TimeDelta::minutes(1440);
/// Attempts that a purchase has at least before assigned seats that were lost are given up.
pub(crate) const ATTEMPTS: u32 = 8;
