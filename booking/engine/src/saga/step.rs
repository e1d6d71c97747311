//! The saga of a payment: what is to be done next, given what is stored and what was learnt.
//!
//! ```text
//!  charge ──> authorise ──> confirm ──> capture ──> note: settled
//!                ^  │          │ refused: too late
//!                │  │          v
//!  resume ──> ask   └──────> decline ──> (void) ──> note: settled
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
pub enum Decision {
    /// The money is reserved for us.
    Authorised,
    /// It is not.
    Declined,
}

/// What is stored of a payment when it is taken in hand, because it is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
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
    Ask,
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
    Note,
    /// Nothing: the saga is at its end.
    Done,
    /// Nothing now: the saga is taken up later from what is stored.
    Leave,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learnt {
    /// The provider has decided.
    Decided(Decision),
    /// The provider was never asked for this payment.
    NeverAsked,
    /// The provider has captured, or voided.
    Finished,
    /// The ledger has carried the command out, or had before; the payment as it stands now.
    Stands(PaymentStatus),
    /// The ledger has refused: it is too late.
    Refused,
    /// It is stored that the provider has done its part.
    Noted,
    /// No answer, or none that tells anything: it may have been done, or not.
    Silence,
}

/// What the traveller is told who waits for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Paid,
    Declined,
    /// It is settled later.
    Unsettled,
}

impl Stored {
    /// A payment that was just started.
    pub const STARTED: Self = Self { state: PaymentState::Started, late: false };
}

/// The first step of a payment that was just started, and that nobody has asked the provider for.
pub const CHARGE: Step = Step::Authorise;

/// The first step of a payment that was left.
pub fn resume(stored: Stored) -> Step {
    match stored.state {
        PaymentState::Started => Step::Ask,
        PaymentState::Confirmed => Step::Capture,
        PaymentState::GivenUp => Step::Void,
        // The provider has refused it: there is nothing to ask, but it is to leave the queue. (The
        // release before notes a refusal without knowing of the queue.)
        PaymentState::Declined => Step::Note,
    }
}

/// What follows a step. An answer that cannot be one to the step leaves the saga to be taken up.
pub fn next(stored: Stored, step: Step, learnt: Learnt) -> Step {
    match (step, learnt) {
        (Step::Authorise | Step::Ask, Learnt::Decided(Decision::Authorised)) => Step::Confirm,
        (Step::Authorise | Step::Ask, Learnt::Decided(Decision::Declined)) => Step::Decline { void: false },
        // The provider has not decided within the time that it had. It is no longer asked to; but a
        // question may still be on its way to it.
        (Step::Ask, Learnt::NeverAsked) if stored.late => Step::Decline { void: true },
        (Step::Ask, Learnt::NeverAsked) => Step::Authorise,
        // Authorised, but too late.
        (Step::Confirm, Learnt::Refused) => Step::Decline { void: true },
        // Whoever was first, it is the payment as it stands that counts.
        (Step::Confirm | Step::Decline { .. }, Learnt::Stands(PaymentStatus::Captured)) => Step::Capture,
        (Step::Confirm | Step::Decline { void: true }, Learnt::Stands(PaymentStatus::Declined)) => Step::Void,
        (Step::Decline { void: false }, Learnt::Stands(PaymentStatus::Declined)) => Step::Done,
        (Step::Capture | Step::Void, Learnt::Finished) => Step::Note,
        (Step::Note, Learnt::Noted) => Step::Done,
        _ => Step::Leave,
    }
}

/// What a traveller who still waits is told before this step; `None`: nothing yet. So the money is
/// captured, or given up, after the answer.
pub fn verdict(step: Step) -> Option<Verdict> {
    match step {
        Step::Authorise | Step::Ask | Step::Confirm | Step::Decline { .. } => None,
        Step::Capture => Some(Verdict::Paid),
        Step::Void | Step::Note | Step::Done => Some(Verdict::Declined),
        Step::Leave => Some(Verdict::Unsettled),
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
