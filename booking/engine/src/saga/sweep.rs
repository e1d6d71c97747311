//! Takes up what was left unsettled.
//!
//! Nothing is given up: a payment or refund that stays unsettled is taken up again and again, with pauses that grow to
//! ten minutes.

use crate::{
    ports::{PaymentProvider, SettlementStore},
    saga::{
        carry::{Chain, SagaDeps, StepError, resume},
        settlement::UnsettledRefund,
    },
    store_error::StoreResult,
};
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};

/// Payments, and refunds, taken up at once.
pub const BATCH: usize = 64;
/// Of these so many are carried on at the same time.
const CONCURRENCY: usize = 8;

/// Carries on what nobody has in hand. While the provider is silent, that waits too.
///
/// # Errors
/// Those of the store, where nothing could be taken up.
pub async fn sweep(deps: &impl SagaDeps) -> StoreResult<()> {
    if deps.provider_is_silent() {
        return Ok(());
    }
    let idle = TimeDelta::from_std(deps.idle()).unwrap_or(TimeDelta::MAX);
    let payments = deps.settlements().take_payments(idle, BATCH).await?;
    let refunds = deps.settlements().take_refunds(idle, BATCH).await?;
    let payments = stream::iter(payments).for_each_concurrent(CONCURRENCY, async |payment| {
        if !deps.provider_is_silent() {
            resume(deps, payment).await;
        }
    });
    payments.await;
    let refunds = stream::iter(refunds).for_each_concurrent(CONCURRENCY, async |refund| {
        if deps.provider_is_silent() {
            return;
        }
        if let Err(error) = give_back(deps, &refund).await {
            tracing::warn!(refund.id = %refund.id, error.chain = %Chain(&error), "A refund stays unsettled");
        }
    });
    refunds.await;
    Ok(())
}

/// Has the provider give money back, and stores that it has.
async fn give_back(deps: &impl SagaDeps, refund: &UnsettledRefund) -> Result<(), StepError> {
    deps.provider().refund(refund.payment_id, refund.id, refund.amount).await?;
    Ok(deps.settlements().mark_refunded(refund).await?)
}
