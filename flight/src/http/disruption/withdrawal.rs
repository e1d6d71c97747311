//! Asks booking to withdraw a flight from within the transaction that changes the flight.
//!
//! The transaction keeps the flight's row locked while booking is asked: no other change of the flight comes between, so
//! the version that booking has withdrawn is the one that is changed. A transaction may move between threads and the
//! client may not, so the question leaves the transaction by a channel.

use crate::{
    booking::{BookingClient, BookingError, Withdrawal},
    domain::flight::Flight,
    error::Conflict,
};
use shared::{error_chain::ErrorChain, events::FlightState, http::Problem, ids::FlightId, seat::SeatPlan};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

/// Transactions that wait for booking at the same time: each keeps a connection, and others need connections, too.
static WAITING: Semaphore = Semaphore::const_new(2);

/// Waits for the turn to keep a connection while booking is asked.
pub(super) async fn turn() -> Option<SemaphorePermit<'static>> {
    WAITING.acquire().await.ok()
}

/// The question of a transaction.
struct Question {
    state: FlightState,
    plan: Option<SeatPlan>,
    answer: oneshot::Sender<Result<Withdrawal, BookingError>>,
}

/// The side of the transaction.
pub(super) struct Withdrawing {
    question: oneshot::Sender<Question>,
    is_decided: Arc<AtomicBool>,
}

/// The side of the client.
pub(super) struct WithdrawalService {
    question: oneshot::Receiver<Question>,
    is_decided: Arc<AtomicBool>,
}

/// Both sides of one withdrawal.
pub(super) fn withdrawal() -> (Withdrawing, WithdrawalService) {
    let (sender, question) = oneshot::channel();
    let is_decided = Arc::new(AtomicBool::new(false));
    let service = WithdrawalService { question, is_decided: is_decided.clone() };
    (Withdrawing { question: sender, is_decided }, service)
}

impl Withdrawing {
    /// Has nothing of the flight sold any more, until this transaction is committed; with a plan only if its passengers
    /// find seats there.
    ///
    /// # Errors
    /// `upstream_unavailable`; `conflict` where a cabin is too small.
    pub(super) async fn withdraw(
        self,
        flight: &Flight,
        plan: Option<SeatPlan>,
    ) -> Result<CommitMark, Problem> {
        let (answer, answered) = oneshot::channel();
        let question = Question { state: flight.state(), plan, answer };
        let gone = || BookingError::Unreachable("the request has ended".to_owned());
        self.question.send(question).map_err(|_| gone())?;
        match answered.await.map_err(|_| gone())?? {
            Withdrawal::Withdrawn { .. } => Ok(CommitMark(self.is_decided)),
            Withdrawal::Stale => Err(Conflict::ChangedMeanwhile.into()),
            Withdrawal::TooSmall { cabin } => Err(Conflict::CabinTooSmall(cabin).into()),
        }
    }
}

/// To be set at the end of the transaction, before its commit.
pub(super) struct CommitMark(Arc<AtomicBool>);

impl CommitMark {
    /// Everything is written: from here on the change may be committed.
    pub(super) fn set(self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl WithdrawalService {
    /// Answers the transaction's question, if it has one. Gives the flight that was taken off sale, in its version.
    pub(super) async fn serve(self, booking: &BookingClient) -> Option<WithdrawnFlight> {
        let Question { state, plan, answer } = self.question.await.ok()?;
        let outcome = booking.withdraw(&state, plan.as_ref()).await;
        // After a failed call nothing is known: it may have been withdrawn.
        let may_be_closed = match &outcome {
            Ok(Withdrawal::Withdrawn { was_on_sale }) => *was_on_sale,
            Ok(Withdrawal::Stale | Withdrawal::TooSmall { .. }) => false,
            Err(_) => true,
        };
        // An error means that the transaction has ended.
        let _ = answer.send(outcome);
        may_be_closed.then_some(WithdrawnFlight {
            id: state.id,
            version: state.version,
            is_decided: self.is_decided,
        })
    }
}

/// A flight that booking does not sell any more.
pub(super) struct WithdrawnFlight {
    id: FlightId,
    version: i64,
    is_decided: Arc<AtomicBool>,
}

impl WithdrawnFlight {
    /// Puts the flight on sale again after its transaction has failed. Not where the transaction has come to its commit:
    /// the change may be there after all, and then the flight must not be sold as it was.
    ///
    /// Where booking does not hear of it, the flight stays off sale until it changes: the act is to be repeated.
    pub(super) async fn reopen(self, booking: &BookingClient) {
        if self.is_decided.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = booking.reopen((self.id, self.version)).await {
            tracing::warn!(
                flight.id = %self.id, error = %ErrorChain(&error),
                "A flight stays off sale: its disruption failed, and booking could not be told"
            );
        }
    }
}
