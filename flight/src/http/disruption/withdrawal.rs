//! Acts that need booking's consent. Booking is asked to withdraw the flight from within the transaction that changes it.
//!
//! The transaction keeps the flight's row locked while booking is asked: no other change of the flight comes between, so
//! the version that booking has withdrawn is the one that is changed. A transaction may move between threads and the
//! client may not, so the question leaves the transaction by a channel.
//!
//! A stored note says that booking is being asked. The act deletes it in its transaction. A note that is left, because the act
//! failed or its process died, has the flight told anew, and booking then sells it again.

use super::{answer::acted, deps::DisruptionDeps};
use crate::{
    booking::{BookingClient, BookingError, Withdrawal},
    domain::flight::{Flight, FlightView},
    error::Conflict,
    http::noted_withdrawal::NotedWithdrawal,
    store::withdrawals::{self, WithdrawalNote},
};
use actix_web::HttpResponse;
use diesel_async::AsyncPgConnection;
use futures_util::future::join;
use shared::{events::FlightState, http::Problem, ids::FlightId, seat::SeatPlan};
use tokio::sync::{Semaphore, oneshot};

/// Transactions that wait for booking at the same time: each keeps a connection, and others need connections, too.
static WAITING: Semaphore = Semaphore::const_new(2);

/// What an act makes: the flight, where it has changed, and how it is shown.
pub(super) type ActOutcome = Result<(Option<Flight>, FlightView), Problem>;

/// Carries out an act on a flight that has booking withdraw it, and tells everybody of the change.
pub(super) async fn act_with_withdrawal<F: Future<Output = ActOutcome>>(
    deps: &DisruptionDeps,
    flight: FlightId,
    act: impl FnOnce(Withdrawing) -> F,
) -> Result<HttpResponse, Problem> {
    // A semaphore that is never closed.
    let _turn = WAITING.acquire().await.ok();
    let noted = NotedWithdrawal::begin(&deps.pool, flight).await?;
    let (sender, question) = oneshot::channel();
    let asking = WithdrawalService { question }.serve(&deps.booking);
    let withdrawing = Withdrawing { note: noted.note(), question: sender };
    let (outcome, may_be_off_sale) = join(act(withdrawing), asking).await;
    match outcome {
        Ok((changed, view)) => {
            if let Some(changed) = changed {
                deps.committed(changed).await;
            }
            Ok(acted(&view))
        }
        Err(problem) => {
            if let Some(restored) = noted.give_up(&deps.pool, may_be_off_sale).await {
                deps.committed(restored).await;
            }
            Err(problem)
        }
    }
}

/// The question of a transaction.
struct Question {
    state: FlightState,
    plan: Option<SeatPlan>,
    answer: oneshot::Sender<Result<Withdrawal, BookingError>>,
}

/// The side of the transaction.
pub(super) struct Withdrawing {
    note: WithdrawalNote,
    question: oneshot::Sender<Question>,
}

/// The right to ask booking, in the transaction that has deleted the note.
pub(super) struct WithdrawalQuestion(oneshot::Sender<Question>);

impl Withdrawing {
    /// Deletes the note: the first step of the transaction of the act.
    ///
    /// # Errors
    /// Those of the database; `conflict` where the keeper of withdrawals took the note for one that is left.
    pub(super) async fn begin(
        self,
        connection: &mut AsyncPgConnection,
    ) -> Result<WithdrawalQuestion, Problem> {
        match withdrawals::delete(connection, self.note).await? {
            true => Ok(WithdrawalQuestion(self.question)),
            false => Err(Conflict::ChangedMeanwhile.into()),
        }
    }
}

impl WithdrawalQuestion {
    /// Has nothing of the flight sold any more, until this transaction is committed; with a plan only if its passengers
    /// find seats there.
    ///
    /// # Errors
    /// `upstream_unavailable`; `conflict` where a cabin is too small.
    pub(super) async fn withdraw(self, flight: &Flight, plan: Option<SeatPlan>) -> Result<(), Problem> {
        let (answer, answered) = oneshot::channel();
        let question = Question { state: flight.state(), plan, answer };
        let gone = || BookingError::Unreachable("the request has ended".to_owned());
        self.0.send(question).map_err(|_| gone())?;
        match answered.await.map_err(|_| gone())?? {
            Withdrawal::Withdrawn { .. } => Ok(()),
            Withdrawal::Stale => Err(Conflict::ChangedMeanwhile.into()),
            Withdrawal::TooSmall { cabin } => Err(Conflict::CabinTooSmall(cabin).into()),
        }
    }
}

/// The side of the client.
struct WithdrawalService {
    question: oneshot::Receiver<Question>,
}

impl WithdrawalService {
    /// Answers the transaction's question, if it has one. Gives whether the flight may have been taken off sale.
    async fn serve(self, booking: &BookingClient) -> bool {
        let Ok(Question { state, plan, answer }) = self.question.await else { return false };
        let outcome = booking.withdraw(&state, plan.as_ref()).await;
        let may_be_off_sale = match &outcome {
            Ok(Withdrawal::Withdrawn { was_on_sale }) => *was_on_sale,
            Ok(Withdrawal::Stale | Withdrawal::TooSmall { .. }) => false,
            // After a failed call nothing is known: it may have been withdrawn.
            Err(_) => true,
        };
        // An error means that the transaction has ended.
        let _ = answer.send(outcome);
        may_be_off_sale
    }
}
