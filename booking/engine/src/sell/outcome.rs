//! What comes of a request.

use crate::{
    booking::{idempotency::StoredAnswer, presentation::ShownBooking, refusal::Refusal},
    ledger::command::{LedgerError, Outcome},
    payment::{charge::NotAdmitted, quote::ShownQuote},
    ports::{FlightError, ReserveError},
    store_error::StoreError,
};

/// What became of a request.
#[derive(Debug)]
pub enum SalesOutcome {
    /// It is done; the booking after it.
    Done(ShownBooking),
    /// The key has this answer from before.
    Replay(StoredAnswer),
    /// The payment was declined; the booking is still held.
    Declined(ShownBooking),
    /// The payment is unsettled; the booking as it was left.
    Unsettled(ShownBooking),
    /// A cancellation was quoted.
    Quoted(ShownQuote),
    /// It had no effect.
    Refused(Refusal),
}

impl From<Outcome> for SalesOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(state) => Self::Done(state),
            Outcome::Quoted(quote, currency) => Self::Quoted(quote.shown(currency)),
            Outcome::Replay(answer) => Self::Replay(answer),
            Outcome::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SalesError {
    /// More is asked than can be done in time.
    #[error("more is asked than can be done in time")]
    Overloaded,
    /// The ledger has no answer.
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    /// The store has no answer.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The payment is not taken on.
    #[error("the payment is not taken on")]
    NotAdmitted(#[from] NotAdmitted),
}

impl From<LedgerError> for SalesError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Overloaded => Self::Overloaded,
            other => Self::Ledger(other),
        }
    }
}

/// What ends a request before its outcome: a refusal, or an error.
#[derive(Debug)]
pub(crate) enum SalesAbort {
    Refused(Refusal),
    Failed(SalesError),
}

impl<E: Into<SalesError>> From<E> for SalesAbort {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<FlightError> for SalesAbort {
    fn from(error: FlightError) -> Self {
        match error {
            FlightError::Unknown => Self::Refused(Refusal::NotFound),
            FlightError::Failed(error) => Self::Failed(error.into()),
            FlightError::Overloaded => Self::Failed(SalesError::Overloaded),
        }
    }
}

impl From<ReserveError> for SalesAbort {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Refused(refusal) => Self::Refused(refusal),
            ReserveError::Failed(error) => Self::Failed(error.into()),
            ReserveError::Overloaded => Self::Failed(SalesError::Overloaded),
        }
    }
}

/// A refusal is an outcome like others.
pub(crate) fn into_outcome(result: Result<SalesOutcome, SalesAbort>) -> Result<SalesOutcome, SalesError> {
    match result {
        Ok(outcome) => Ok(outcome),
        Err(SalesAbort::Refused(refusal)) => Ok(SalesOutcome::Refused(refusal)),
        Err(SalesAbort::Failed(error)) => Err(error),
    }
}
