//! The saga of a payment: its steps, and the choice of the next step by the stored state and the last result.
//!
//! ```text
//!  charge ───────> authorise ──> confirm ──> capture ──> record the settlement
//!                     ^  │          │ refused: too late
//!                     │  │          v
//!  resume ──> query status └────> decline ──> (void) ──> record the settlement
//! ```
//! All decisions are made here: [`carry`](super::carry) carries the steps out and gives their results. The state that
//! resumes a saga is stored before a step that depends on it, and every step can be repeated. So a saga may stop at any
//! step (the provider is silent, the process dies). Any instance may resume it, even two at once:
//! - the provider names a payment by our identifier and decides on it once;
//! - the ledger lets the first of confirm and decline win, and its answer shows the winner;
//! - money is captured only after the booking was confirmed, and voided only after it is certain
//!   that the booking will not be confirmed with it.

use crate::payment::record::PaymentState;
use shared_types::events::PaymentStatus;

/// The provider's decision about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderDecision {
    /// The money is reserved for us.
    Authorised,
    /// The provider refuses the payment.
    Declined,
}

/// The stored progress of an unsettled payment when a saga takes it in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentProgress {
    /// The stored state.
    pub state: PaymentState,
    /// Whether the hold has ended, even with its prolongation by the payment: then no new authorisation is requested.
    pub late: bool,
}

/// A step of the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SagaStep {
    /// Ask the provider to reserve the money.
    Authorise,
    /// Ask the provider for its decision about a payment.
    QueryStatus,
    /// Have the ledger confirm the booking.
    Confirm,
    /// Have the ledger decline the payment.
    Decline {
        /// Whether a void follows: the provider has reserved money, or may yet do so.
        void: bool,
    },
    /// Have the provider take the money.
    Capture,
    /// Have the provider release the money.
    Void,
    /// Store that the provider has done its part: the payment is settled.
    RecordSettlement,
    /// Nothing: the saga is at its end.
    Done,
    /// Nothing now: a sweep resumes the saga later from its stored state.
    Suspend,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// The provider has decided.
    Decided(ProviderDecision),
    /// The provider was never asked for this payment.
    NeverAsked,
    /// The provider has captured, or voided.
    Finished,
    /// The ledger has carried the command out, now or before. Carries the present status of the payment.
    Stands(PaymentStatus),
    /// The ledger has refused the command: it is too late.
    Refused,
    /// It is stored that the provider has done its part.
    Recorded,
    /// No usable answer: the step may have had its effect or not.
    NoAnswer,
}

/// The answer to a traveller who waits for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SagaVerdict {
    /// The booking is confirmed.
    Paid,
    /// The payment was declined.
    Declined,
    /// The payment is settled later.
    Unsettled,
}

impl PaymentProgress {
    /// A payment that was just started.
    pub const STARTED: Self = Self { state: PaymentState::Started, late: false };
}

/// The first step of a payment that was just started, and of which the provider does not know yet.
pub const CHARGE: SagaStep = SagaStep::Authorise;

/// The first step of a payment that was left unsettled.
pub fn resume(stored: PaymentProgress) -> SagaStep {
    match stored.state {
        PaymentState::Started => SagaStep::QueryStatus,
        PaymentState::Confirmed => SagaStep::Capture,
        PaymentState::Voided => SagaStep::Void,
        // The provider has refused it: no call is left, but the payment has to leave the queue. (The previous release
        // stores a refusal and leaves the payment in the queue.)
        PaymentState::Declined => SagaStep::RecordSettlement,
    }
}

/// The step after `step` with this result. A result that does not fit the step suspends the saga.
pub fn next(stored: PaymentProgress, step: SagaStep, result: StepResult) -> SagaStep {
    match (step, result) {
        (SagaStep::Authorise | SagaStep::QueryStatus, StepResult::Decided(ProviderDecision::Authorised)) => {
            SagaStep::Confirm
        }
        (SagaStep::Authorise | SagaStep::QueryStatus, StepResult::Decided(ProviderDecision::Declined)) => {
            SagaStep::Decline { void: false }
        }
        // The hold has ended without a decision. No authorisation is requested any more, but an earlier request may
        // still be on its way to the provider.
        (SagaStep::QueryStatus, StepResult::NeverAsked) if stored.late => SagaStep::Decline { void: true },
        (SagaStep::QueryStatus, StepResult::NeverAsked) => SagaStep::Authorise,
        // Authorised, but too late.
        (SagaStep::Confirm, StepResult::Refused) => SagaStep::Decline { void: true },
        // Another saga may have been first: the present status of the payment counts.
        (SagaStep::Confirm | SagaStep::Decline { .. }, StepResult::Stands(PaymentStatus::Captured)) => {
            SagaStep::Capture
        }
        (
            SagaStep::Confirm | SagaStep::Decline { void: true },
            StepResult::Stands(PaymentStatus::Declined),
        ) => SagaStep::Void,
        (SagaStep::Decline { void: false }, StepResult::Stands(PaymentStatus::Declined)) => SagaStep::Done,
        (SagaStep::Capture | SagaStep::Void, StepResult::Finished) => SagaStep::RecordSettlement,
        (SagaStep::RecordSettlement, StepResult::Recorded) => SagaStep::Done,
        _ => SagaStep::Suspend,
    }
}

/// The answer to a waiting traveller before this step; `None`: no answer yet. So capture and void follow after the
/// answer.
pub fn verdict(step: SagaStep) -> Option<SagaVerdict> {
    match step {
        SagaStep::Authorise | SagaStep::QueryStatus | SagaStep::Confirm | SagaStep::Decline { .. } => None,
        SagaStep::Capture => Some(SagaVerdict::Paid),
        SagaStep::Void | SagaStep::RecordSettlement | SagaStep::Done => Some(SagaVerdict::Declined),
        SagaStep::Suspend => Some(SagaVerdict::Unsettled),
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
