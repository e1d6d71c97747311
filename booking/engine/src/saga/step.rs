//! The saga of a payment: what is to be done next, given what is stored and what was result.
//!
//! ```text
//!  charge ───────> authorise ──> confirm ──> capture ──> record the settlement
//!                     ^  │          │ refused: too late
//!                     │  │          v
//!  resume ──> query status └────> decline ──> (void) ──> record the settlement
//! ```
//! Nothing is decided elsewhere: the desk carries out the steps and tells what came of each. All that
//! a saga needs to be taken up again is stored before a step that depends on it, and every step can be
//! repeated, so a saga may be left at any step (the provider is silent, the process dies) and be taken
//! up by anybody, also by two at once:
//! - the provider names a payment by our id and decides on it once;
//! - the ledger lets the first of confirm and decline win, and tells which it was;
//! - money is captured only after the booking was confirmed, and given up only after it is certain
//!   that the booking will not be confirmed with it.

use crate::payment::record::PaymentState;
use shared_types::events::PaymentStatus;

/// What the provider says of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderDecision {
    /// The money is reserved for us.
    Authorised,
    /// It is not.
    Declined,
}

/// What is stored of a payment when it is taken in hand, because it is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentProgress {
    pub state: PaymentState,
    /// The end of the hold, which the payment has prolonged, has passed: money is no longer asked for.
    pub late: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask the provider to reserve the money.
    Authorise,
    /// Ask the provider what became of a payment.
    QueryStatus,
    /// Have the ledger confirm the booking.
    Confirm,
    /// Have the ledger note that the payment did not come off; `void`: whatever the provider has
    /// reserved, or may yet reserve, is to be given up.
    Decline { void: bool },
    /// Have the provider take the money.
    Capture,
    /// Have the provider give the money up.
    Void,
    /// Store that the provider has done its part, and that the payment is settled with it.
    RecordSettlement,
    /// Nothing: the saga is at its end.
    Done,
    /// Nothing now: the saga is taken up later from what is stored.
    Suspend,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// The provider has decided.
    Decided(ProviderDecision),
    /// The provider was never asked for this payment.
    NeverAsked,
    /// The provider has captured, or voided.
    Finished,
    /// The ledger has carried the command out, or had before; the payment as it stands now.
    Stands(PaymentStatus),
    /// The ledger has refused: it is too late.
    Refused,
    /// It is stored that the provider has done its part.
    Recorded,
    /// No answer, or none that tells anything: it may have been done, or not.
    NoAnswer,
}

/// What the traveller is told who waits for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SagaVerdict {
    Paid,
    Declined,
    /// It is settled later.
    Unsettled,
}

impl PaymentProgress {
    /// A payment that was just started.
    pub const STARTED: Self = Self { state: PaymentState::Started, late: false };
}

/// The first step of a payment that was just started, and that nobody has asked the provider for.
pub const CHARGE: Step = Step::Authorise;

/// The first step of a payment that was left.
pub fn resume(stored: PaymentProgress) -> Step {
    match stored.state {
        PaymentState::Started => Step::QueryStatus,
        PaymentState::Confirmed => Step::Capture,
        PaymentState::Voided => Step::Void,
        // The provider has refused it: there is nothing to ask, but it is to leave the queue. (The
        // release before notes a refusal without knowing of the queue.)
        PaymentState::Declined => Step::RecordSettlement,
    }
}

/// What follows a step. An answer that cannot be one to the step leaves the saga to be taken up.
pub fn next(stored: PaymentProgress, step: Step, result: StepResult) -> Step {
    match (step, result) {
        (Step::Authorise | Step::QueryStatus, StepResult::Decided(ProviderDecision::Authorised)) => {
            Step::Confirm
        }
        (Step::Authorise | Step::QueryStatus, StepResult::Decided(ProviderDecision::Declined)) => {
            Step::Decline { void: false }
        }
        // The provider has not decided within the time that it had. It is no longer asked to; but a
        // question may still be on its way to it.
        (Step::QueryStatus, StepResult::NeverAsked) if stored.late => Step::Decline { void: true },
        (Step::QueryStatus, StepResult::NeverAsked) => Step::Authorise,
        // Authorised, but too late.
        (Step::Confirm, StepResult::Refused) => Step::Decline { void: true },
        // Whoever was first, it is the payment as it stands that counts.
        (Step::Confirm | Step::Decline { .. }, StepResult::Stands(PaymentStatus::Captured)) => Step::Capture,
        (Step::Confirm | Step::Decline { void: true }, StepResult::Stands(PaymentStatus::Declined)) => {
            Step::Void
        }
        (Step::Decline { void: false }, StepResult::Stands(PaymentStatus::Declined)) => Step::Done,
        (Step::Capture | Step::Void, StepResult::Finished) => Step::RecordSettlement,
        (Step::RecordSettlement, StepResult::Recorded) => Step::Done,
        _ => Step::Suspend,
    }
}

/// What a traveller who still waits is told before this step; `None`: nothing yet. So the money is
/// captured, or given up, after the answer.
pub fn verdict(step: Step) -> Option<SagaVerdict> {
    match step {
        Step::Authorise | Step::QueryStatus | Step::Confirm | Step::Decline { .. } => None,
        Step::Capture => Some(SagaVerdict::Paid),
        Step::Void | Step::RecordSettlement | Step::Done => Some(SagaVerdict::Declined),
        Step::Suspend => Some(SagaVerdict::Unsettled),
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
