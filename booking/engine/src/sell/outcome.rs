//! The outcome of a request.

use crate::{
    booking::{idempotency::StoredAnswer, presentation::ShownBooking, refusal::Refusal},
    ledger::command::{LedgerError, Outcome},
    payment::{charge::NotAdmitted, quote::ShownQuote},
    ports::{FlightError, ReserveError},
    store_error::StoreError,
};

/// The outcome of a request.
#[derive(Debug)]
pub enum SalesOutcome {
    /// The request is done. Carries the booking after it.
    Done(ShownBooking),
    /// An earlier request under the key had this answer.
    Replay(StoredAnswer),
    /// The payment was declined. Carries the booking, which is usually still held.
    Declined(ShownBooking),
    /// The payment is unsettled. Carries the booking after the start of the payment.
    Unsettled(ShownBooking),
    /// A cancellation was quoted.
    Quoted(ShownQuote),
    /// The request had no effect.
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

/// The reason why a request has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum SalesError {
    /// The load is too high to complete the request in time.
    #[error("more is asked than can be done in time")]
    Overloaded,
    /// The ledger gave no outcome. The request may have had its effect.
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    /// The store has failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The payment desk does not admit the payment. Nothing was done.
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

/// The early end of a request: a refusal, or an error.
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

/// Turns a refusal into an outcome.
pub(crate) fn into_outcome(result: Result<SalesOutcome, SalesAbort>) -> Result<SalesOutcome, SalesError> {
    match result {
        Ok(outcome) => Ok(outcome),
        Err(SalesAbort::Refused(refusal)) => Ok(SalesOutcome::Refused(refusal)),
        Err(SalesAbort::Failed(error)) => Err(error),
    }
}
