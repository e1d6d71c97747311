//! Takes up what was left unsettled, and tells how much that is.
//!
//! Nothing is given up: a payment or refund that stays unsettled is taken up again and again, with
//! pauses that grow to ten minutes, and shows in the metrics by its age, for people to look at.

use super::steps::{Chain, Means};
use crate::store;
use booking_engine::payment::record::PaymentState;
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use shared::db::DbError;

/// Sagas taken up at once.
const BATCH: i64 = 64;
/// Sagas carried on at the same time by a sweep.
const CONCURRENCY: usize = 8;

/// The ages by which unsettled payments and refunds are counted: their upper ends in seconds, and
/// their names, with one for those that are older.
const AGES: [f64; 3] = [60.0, 3600.0, 86_400.0];
const AGE_NAMES: [&str; 4] = ["minute", "hour", "day", "older"];

impl Means {
    /// Carries on what nobody has in hand. While the provider is silent, that waits too.
    pub(super) async fn sweep(&self) -> Result<(), DbError> {
        self.count().await?;
        if self.circuit.is_open() {
            return Ok(());
        }
        let idle = TimeDelta::from_std(self.times.idle).unwrap_or(TimeDelta::MAX);
        let (payments, refunds) = {
            let connection = self.pool.get().await?;
            let payments = store::unsettled_payments::take(&connection, idle, BATCH).await?;
            (payments, store::refunds::take_unsettled(&connection, idle, BATCH).await?)
        };
        let payments = stream::iter(payments).for_each_concurrent(CONCURRENCY, async |payment| {
            if !self.circuit.is_open() {
                self.resume(payment).await;
            }
        });
        payments.await;
        let refunds = stream::iter(refunds).for_each_concurrent(CONCURRENCY, async |refund| {
            if self.circuit.is_open() {
                return;
            }
            if let Err(error) = self.give_back(&refund).await {
                tracing::warn!(refund.id = %refund.id, error.chain = %Chain(&error), "A refund stays unsettled");
            }
        });
        refunds.await;
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
    async fn count(&self) -> Result<(), DbError> {
        let connection = self.pool.get().await?;
        let payments = store::unsettled_payments::count(&connection, &AGES).await?;
        let refunds = store::refunds::count_unsettled(&connection, &AGES).await?;
        let states = [
            (PaymentState::Started, "undecided"),
            (PaymentState::Confirmed, "to_be_captured"),
            (PaymentState::GivenUp, "to_be_given_up"),
        ];
        for (position, age) in AGE_NAMES.iter().enumerate() {
            for (state, name) in states {
                let found = payments.iter().find(|(of, at, _)| (*of, *at) == (state, position));
                metrics::gauge!("booking_payments_unsettled", "state" => name, "age" => *age)
                    .set(found.map_or(0.0, |(_, _, count)| *count as f64));
            }
            let found = refunds.iter().find(|(at, _)| *at == position);
            metrics::gauge!("booking_refunds_unsettled", "age" => *age)
                .set(found.map_or(0.0, |(_, count)| *count as f64));
        }
        Ok(())
    }
}
