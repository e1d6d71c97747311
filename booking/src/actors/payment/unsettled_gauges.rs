//! The metrics of unsettled payments and refunds, by age, for operators.

use crate::store::{self, unsettled_counts::UnsettledCounts};
use booking_engine::payment::record::PaymentState;
use shared::db::{DbError, Pool};

/// The ages by which unsettled payments and refunds are counted: their upper ends in seconds, and
/// their names, with one for those that are older.
const AGES: [f64; 3] = [60.0, 3600.0, 86_400.0];
const AGE_NAMES: [&str; 4] = ["minute", "hour", "day", "older"];

/// Sets the gauges. Gives whether anything is unsettled.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
pub(super) async fn measure(pool: &Pool) -> Result<bool, DbError> {
    let connection = pool.get().await?;
    let counts = store::unsettled_counts::count(&connection, &AGES).await?;
    let UnsettledCounts { payments, refunds } = &counts;
    let states = [
        (PaymentState::Started, "undecided"),
        (PaymentState::Confirmed, "to_be_captured"),
        (PaymentState::Voided, "to_be_given_up"),
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
    Ok(!counts.is_empty())
}
