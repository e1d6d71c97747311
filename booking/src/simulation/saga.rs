//! The steps of a payment: what is to be done next, given what is stored and what was learnt.

use crate::domain::payment::PaymentState;
use shared::events::PaymentStatus;

/// What is stored of a payment when it is taken in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) state: PaymentState,
    /// The end of the hold, which the payment has prolonged, has passed.
    pub(super) late: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Authorise,
    Ask,
    Confirm,
    Decline {
        void: bool,
    },
    Capture,
    Void,
    /// Store that the provider has done its part.
    Note(PaymentState),
    Done,
    /// Taken up later from what is stored.
    Leave,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learnt {
    Authorised,
    Declined,
    NeverAsked,
    /// The provider has captured, or voided.
    Finished,
    /// The ledger has carried the command out, or had before; the payment as it stands now.
    Stands(PaymentStatus),
    /// The ledger has refused: it is too late.
    Refused,
    Noted,
    Silence,
}

/// The first step of a payment that was left.
pub(super) fn resume(stored: Stored) -> Step {
    match stored.state {
        PaymentState::Started => Step::Ask,
        PaymentState::Confirmed => Step::Capture,
        PaymentState::ToBeVoided => Step::Void,
        PaymentState::Captured | PaymentState::Declined => Step::Done,
    }
}

/// What follows a step.
pub(super) fn next(stored: Stored, step: Step, learnt: Learnt) -> Step {
    match (step, learnt) {
        (Step::Authorise | Step::Ask, Learnt::Authorised) => Step::Confirm,
        (Step::Authorise | Step::Ask, Learnt::Declined) => Step::Decline { void: false },
        (Step::Ask, Learnt::NeverAsked) if stored.late => Step::Decline { void: true },
        (Step::Ask, Learnt::NeverAsked) => Step::Authorise,
        (Step::Confirm, Learnt::Refused) => Step::Decline { void: true },
        // Whoever was first, it is the payment as it stands that counts.
        (Step::Confirm | Step::Decline { .. }, Learnt::Stands(PaymentStatus::Captured)) => Step::Capture,
        (Step::Confirm | Step::Decline { void: true }, Learnt::Stands(PaymentStatus::Declined)) => Step::Void,
        (Step::Decline { void: false }, Learnt::Stands(PaymentStatus::Declined)) => Step::Done,
        (Step::Capture, Learnt::Finished) => Step::Note(PaymentState::Captured),
        (Step::Void, Learnt::Finished) => Step::Note(PaymentState::Declined),
        (Step::Note(_), Learnt::Noted) => Step::Done,
        _ => Step::Leave,
    }
}
