//! What comes of an order.

use crate::actors::{allocator::NotReserved, directory::NotFound, ledger::LedgerError, payment::NotAdmitted};
use booking_engine::{
    booking::{idempotency::StoredAnswer, presentation::ShownBooking, refusal::Refusal},
    payment::quote::ShownQuote,
};
use shared::db::DbError;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Sold {
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

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SalesError {
    #[error("more is asked than can be done in time")]
    Overloaded,
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    #[error("the database failed")]
    Database(#[from] DbError),
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

impl From<diesel::result::Error> for SalesError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A refusal, or an error.
pub(crate) enum Stop {
    Refused(Refusal),
    Failed(SalesError),
}

impl<E: Into<SalesError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotFound> for Stop {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::Unknown => Self::Refused(Refusal::NotFound),
            NotFound::Failed(error) => Self::Failed(error.into()),
            NotFound::Overloaded => Self::Failed(SalesError::Overloaded),
        }
    }
}

impl From<NotReserved> for Stop {
    fn from(error: NotReserved) -> Self {
        match error {
            NotReserved::Refused(refusal) => Self::Refused(refusal),
            NotReserved::Failed(error) => Self::Failed(error.into()),
            NotReserved::Overloaded => Self::Failed(SalesError::Overloaded),
        }
    }
}

/// A refusal is an answer like others.
pub(crate) fn settle(result: Result<Sold, Stop>) -> Result<Sold, SalesError> {
    match result {
        Ok(sold) => Ok(sold),
        Err(Stop::Refused(refusal)) => Ok(Sold::Refused(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}
