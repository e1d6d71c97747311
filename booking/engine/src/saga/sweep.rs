//! Resumes payments and refunds that were left unsettled.
//!
//! The sweep never stops trying: it resumes an unsettled payment or refund repeatedly, with pauses that grow to ten
//! minutes.

use crate::{
    ports::{PaymentProvider, SettlementStore},
    saga::{
        carry::{SagaDeps, StepError, resume},
        settlement::UnsettledRefund,
    },
    store_error::StoreResult,
};
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use shared_types::error_chain::ErrorChain;

/// The most payments, and the most refunds, that one sweep resumes.
pub const BATCH: usize = 64;
/// The number of them that are carried out at the same time.
const CONCURRENCY: usize = 8;

/// Resumes unsettled payments and refunds that no instance has in hand. Does nothing while the provider is silent.
///
/// # Errors
/// Those of the store, if it could take nothing up.
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
            tracing::warn!(refund.id = %refund.id, error.chain = %ErrorChain(&error), "A refund stays unsettled");
        }
    });
    refunds.await;
    Ok(())
}

/// Has the provider give money back, and records that.
async fn give_back(deps: &impl SagaDeps, refund: &UnsettledRefund) -> Result<(), StepError> {
    deps.provider().refund(refund.payment_id, refund.id, refund.amount).await?;
    Ok(deps.settlements().mark_refunded(refund).await?)
}
