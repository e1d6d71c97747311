//! Carries out the steps that the saga decides, and gives it their results.

use crate::{
    booking::presentation::ShownBooking,
    ledger::command::{Command, LedgerAnswer, LedgerError, Outcome},
    payment::{
        charge::{Charge, ChargeOutcome},
        record::PaymentState,
    },
    ports::{Clock, LedgerQueue, PaymentProvider, ProviderError, SettlementStore, SubmitTerms},
    saga::{
        settlement::UnsettledPayment,
        step::{self, PaymentProgress, SagaStep, SagaVerdict, StepResult},
    },
    store_error::StoreError,
};
use shared_types::{error_chain::ErrorChain, ids::PaymentId};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The pause before a command that the ledger could not carry out is submitted again.
const LEDGER_RETRY_PAUSE: Duration = Duration::from_millis(250);

/// The dependencies of sagas.
pub trait SagaDeps {
    /// The payment provider. Its implementation answers in time, or fails.
    type Provider: PaymentProvider + ?Sized;
    /// The ledgers.
    type Ledger: LedgerQueue;
    /// The queues of unsettled payments and refunds.
    type Settlements: SettlementStore;
    /// The clocks.
    type Clock: Clock;

    /// The payment provider.
    fn provider(&self) -> &Self::Provider;
    /// The ledgers.
    fn ledger(&self) -> &Self::Ledger;
    /// The queues of unsettled payments and refunds.
    fn settlements(&self) -> &Self::Settlements;
    /// The clocks.
    fn clock(&self) -> &Self::Clock;
    /// The deadline of a command that is submitted now.
    fn deadline(&self) -> Instant;
    /// A sweep resumes a payment that was idle for this time.
    fn idle(&self) -> Duration;
    /// Whether the process shuts down: no saga is resumed, and no step is repeated.
    fn is_closing(&self) -> bool;
    /// Whether the provider has stopped answering, as far as is known.
    fn provider_is_silent(&self) -> bool;
}

/// The failure of a step. A sweep retries it later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error("the provider failed")]
    Provider(#[from] ProviderError),
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// The result of a step, and the booking as the ledger has shown it.
type Recorded = (StepResult, Option<ShownBooking>);

/// Carries out a payment that was just started, and sends its outcome to `reply`. Capture or void follow after the
/// answer.
pub async fn charge(deps: &impl SagaDeps, charge: &Charge, reply: oneshot::Sender<ChargeOutcome>) {
    carry(deps, charge, (PaymentProgress::STARTED, step::CHARGE), Some(reply)).await;
}

/// Resumes a payment that was left unsettled.
pub(crate) async fn resume(deps: &impl SagaDeps, payment: UnsettledPayment) {
    // A payment without its token cannot be authorised any more: it counts as late.
    let late = payment.late || (payment.state == PaymentState::Started && payment.token.is_none());
    let progress = PaymentProgress { state: payment.state, late };
    let charge = Charge {
        payment: payment.id,
        booking: payment.booking_id,
        amount: payment.amount,
        token: payment.token.unwrap_or_default(),
        flight: payment.flight_id,
    };
    if carry(deps, &charge, (progress, step::resume(progress)), None).await == SagaStep::Done {
        tracing::info!(payment.id = %charge.payment, "A payment that was left is settled");
    }
}

/// Takes step after step. Gives the last one.
async fn carry(
    deps: &impl SagaDeps,
    charge: &Charge,
    (progress, first): (PaymentProgress, SagaStep),
    mut reply: Option<oneshot::Sender<ChargeOutcome>>,
) -> SagaStep {
    let (mut step, mut booking) = (first, None);
    // After this instant another sweep may take the payment up.
    let until = deps.clock().now() + deps.idle();
    loop {
        if let Some(verdict) = step::verdict(step)
            && let Some(reply) = reply.take()
        {
            // An error means that the traveller no longer waits.
            let _ = reply.send(outcome(verdict, booking.take()));
        }
        if matches!(step, SagaStep::Done | SagaStep::Suspend) {
            return step;
        }
        let result = match take(deps, charge, step).await {
            Ok((result, state)) => {
                booking = state.or(booking);
                result
            }
            // The provider has decided, and only this saga knows it. The traveller gets the answer that the outcome is
            // open. The ledger stores the decision, which the provider keeps too, as soon as it can.
            Err(StepError::Ledger(error)) if !deps.is_closing() && deps.clock().now() < until => {
                if let Some(reply) = reply.take() {
                    tracing::warn!(payment.id = %charge.payment, %error, "A payment waits for the ledger");
                    let _ = reply.send(ChargeOutcome::Unsettled);
                }
                deps.clock().sleep_until(deps.clock().now() + LEDGER_RETRY_PAUSE).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(
                    payment.id = %charge.payment, payment.step = ?step, error.chain = %ErrorChain(&error),
                    "A step of a payment failed; a sweep resumes it later"
                );
                StepResult::NoAnswer
            }
        };
        step = step::next(progress, step, result);
    }
}

async fn take(deps: &impl SagaDeps, charge: &Charge, step: SagaStep) -> Result<Recorded, StepError> {
    let (provider, id) = (deps.provider(), charge.payment);
    let result = match step {
        SagaStep::Authorise => {
            let decision = provider.authorise(id, charge.amount, charge.token.clone()).await?;
            StepResult::Decided(decision)
        }
        SagaStep::QueryStatus => provider.find(id).await?.map_or(StepResult::NeverAsked, StepResult::Decided),
        SagaStep::Confirm => {
            return submit(deps, charge, Command::Confirm { booking: charge.booking, payment: id }).await;
        }
        SagaStep::Decline { void } => {
            return submit(deps, charge, Command::Decline { booking: charge.booking, payment: id, void })
                .await;
        }
        SagaStep::Capture => {
            provider.capture(id, charge.amount).await?;
            StepResult::Finished
        }
        SagaStep::Void => {
            provider.void(id, charge.amount).await?;
            StepResult::Finished
        }
        SagaStep::RecordSettlement => {
            deps.settlements().mark_settled(id).await?;
            StepResult::Recorded
        }
        SagaStep::Done | SagaStep::Suspend => StepResult::NoAnswer,
    };
    Ok((result, None))
}

async fn submit(deps: &impl SagaDeps, charge: &Charge, command: Command) -> Result<Recorded, StepError> {
    let answer = deps.ledger().submit(charge.flight, command, SubmitTerms::by(deps.deadline())).await;
    Ok(recorded(answer, charge.payment)?)
}

/// The result of a step by the ledger's answer.
fn recorded(answer: LedgerAnswer, payment: PaymentId) -> Result<Recorded, LedgerError> {
    Ok(match answer? {
        Outcome::Done(state) => {
            let now = state.payments.iter().find(|one| one.id == payment).map(|one| one.status);
            (now.map_or(StepResult::NoAnswer, StepResult::Stands), Some(state))
        }
        Outcome::Refused(refusal) => {
            tracing::info!(payment.id = %payment, payment.refusal = ?refusal, "The ledger refuses a payment");
            (StepResult::Refused, None)
        }
        // Only commands with a key are replayed.
        Outcome::Replay(_) | Outcome::Quoted(..) => (StepResult::NoAnswer, None),
    })
}

fn outcome(verdict: SagaVerdict, booking: Option<ShownBooking>) -> ChargeOutcome {
    match (verdict, booking) {
        (SagaVerdict::Paid, Some(state)) => ChargeOutcome::Confirmed(state),
        (SagaVerdict::Declined, Some(state)) => ChargeOutcome::Declined(state),
        (SagaVerdict::Unsettled, _) | (_, None) => ChargeOutcome::Unsettled,
    }
}
