//! How many payments and refunds are unsettled.

use super::payments;
use booking_engine::payment::record::PaymentState;
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Double, Integer, Nullable, SmallInt},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;

statement! {
    /// The number of unsettled payments by state and age, and of unsettled refunds by age: refunds have no state. An
    /// age is a position among the bounds, which are in seconds: 0 is below the first bound.
    Count { payment_ages: Array<Double> = Vec<f64>, refund_ages: Array<Double> = Vec<f64> } -> (Nullable<SmallInt>, Integer, BigInt),
    "SELECT p.state, width_bucket(extract(epoch FROM clock_timestamp() - p.created_at)::float8, $), count(*) FROM unsettled_payments u CROSS JOIN LATERAL (SELECT state, created_at FROM payments WHERE id = u.payment_id OFFSET 0) AS p GROUP BY 1, 2
    UNION ALL SELECT NULL, width_bucket(extract(epoch FROM clock_timestamp() - created_at)::float8, $), count(*) FROM refunds WHERE NOT settled GROUP BY 2"
}

/// What is unsettled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UnsettledCounts {
    /// Payments by state and by the position of their age among the bounds.
    pub(crate) payments: Vec<(PaymentState, usize, i64)>,
    /// Refunds by the position of their age.
    pub(crate) refunds: Vec<(usize, i64)>,
}

impl UnsettledCounts {
    /// Whether no payment and no refund is unsettled.
    pub(crate) fn is_empty(&self) -> bool {
        self.payments.is_empty() && self.refunds.is_empty()
    }
}

/// Counts what is unsettled, by ages between these bounds in seconds.
pub(crate) async fn count(connection: &AsyncPgConnection, bounds: &[f64]) -> QueryResult<UnsettledCounts> {
    let query = Count { payment_ages: bounds.to_vec(), refund_ages: bounds.to_vec() };
    let rows: Vec<(Option<i16>, i32, i64)> = query.load(&mut &*connection).await?;
    let mut counts = UnsettledCounts::default();
    for (state, age, count) in rows {
        let age = usize::try_from(age).unwrap_or(0);
        match state {
            Some(code) => counts.payments.push((payments::state(code)?, age, count)),
            None => counts.refunds.push((age, count)),
        }
    }
    Ok(counts)
}
