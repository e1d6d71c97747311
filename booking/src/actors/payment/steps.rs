//! Carries out what the saga decides, step by step, and tells it what came of each.

use super::{
    circuit::Circuit,
    desk::Closing,
    handle::{Charge, Charged, Times},
    notes::Note,
    provider::{PaymentProvider, ProviderError, Reply},
};
use crate::{
    actors::ledger::{Answer, Command, LedgerError, Ledgers, Outcome},
    kill_points,
    store::{self, unsettled_payments::Unsettled},
};
use booking_engine::{
    booking::presentation::ShownBooking,
    payment::record::PaymentState,
    saga::step::{self, Learnt, Step, Stored, Verdict},
};
use shared::{
    db::{DbError, Pool},
    ids::PaymentId,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

/// The pause before a ledger that could not carry a command out is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// What sagas need. Cheap to clone.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) provider: Arc<dyn PaymentProvider>,
    pub(super) ledgers: Ledgers,
    pub(super) pool: Pool,
    pub(super) times: Times,
    pub(super) notes: mpsc::Sender<Note>,
    pub(super) circuit: Circuit,
    pub(super) closing: Closing,
}

/// Why a step could not be taken; it is tried again later.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error("the provider failed")]
    Provider(#[from] ProviderError),
    #[error("the provider does not answer")]
    Silent,
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[from] DbError),
}

/// What the ledger says: what the saga learns of it, and the booking as it is then.
type Recorded = (Learnt, Option<ShownBooking>);

impl Means {
    /// A payment that was just started. The provider's last part comes after the answer.
    pub(super) async fn charge(&self, charge: Charge, reply: oneshot::Sender<Charged>) {
        self.carry(&charge, Stored::STARTED, step::CHARGE, Some(reply)).await;
    }

    /// A payment that was left.
    pub(super) async fn resume(&self, payment: Unsettled) {
        // What the provider cannot be asked for any more is as good as late.
        let late = payment.late || (payment.state == PaymentState::Started && payment.token.is_none());
        let stored = Stored { state: payment.state, late };
        let charge = Charge {
            payment: payment.id,
            booking: payment.booking_id,
            amount: payment.amount,
            token: payment.token.unwrap_or_default(),
            flight: payment.flight_id,
        };
        let last = self.carry(&charge, stored, step::resume(stored), None).await;
        if last == Step::Done {
            tracing::info!(payment.id = %charge.payment, "A payment that was left is settled");
        }
    }

    /// Takes step after step; gives the last one.
    async fn carry(
        &self,
        charge: &Charge,
        stored: Stored,
        first: Step,
        mut reply: Option<oneshot::Sender<Charged>>,
    ) -> Step {
        let (mut step, mut booking) = (first, None);
        // Others take it up then.
        let until = Instant::now() + self.times.idle;
        loop {
            if let Some(verdict) = step::verdict(step)
                && let Some(reply) = reply.take()
            {
                // An error means that nobody waits any longer.
                let _ = reply.send(charged(verdict, booking.take()));
            }
            if matches!(step, Step::Done | Step::Leave) {
                return step;
            }
            let learnt = match self.take(charge, step).await {
                Ok((learnt, state)) => {
                    booking = state.or(booking);
                    learnt
                }
                // The provider has decided, and nobody else knows of it yet. The traveller is told what
                // there is to tell; the decision, which the provider has kept too, is stored as soon as the
                // ledger can.
                Err(StepError::Ledger(error)) if !self.is_closing() && Instant::now() < until => {
                    if let Some(reply) = reply.take() {
                        tracing::warn!(payment.id = %charge.payment, %error, "A payment waits for the ledger");
                        let _ = reply.send(Charged::Silent);
                    }
                    sleep(AGAIN).await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(
                        payment.id = %charge.payment, payment.step = ?step, error.chain = %Chain(&error),
                        "A step of a payment came to nothing; it is taken up later"
                    );
                    Learnt::Silence
                }
            };
            step = step::next(stored, step, learnt);
        }
    }

    async fn take(&self, charge: &Charge, step: Step) -> Result<Recorded, StepError> {
        let (provider, id) = (&self.provider, charge.payment);
        let learnt = match step {
            Step::Authorise => {
                kill_points::pass("before_authorise");
                let asked = provider.authorise(id, charge.amount, charge.token.clone());
                let decision = self.asked("authorise", asked).await?;
                kill_points::pass("after_authorise");
                Learnt::Decided(decision)
            }
            Step::Ask => {
                let decided = self.asked("find", provider.find(id)).await?;
                decided.map_or(Learnt::NeverAsked, Learnt::Decided)
            }
            Step::Confirm => {
                let command = Command::Confirm { booking: charge.booking, payment: id };
                return Ok(recorded(self.ledgers.submit(charge.flight, command).await, id)?);
            }
            Step::Decline { void } => {
                let command = Command::Decline { booking: charge.booking, payment: id, void };
                return Ok(recorded(self.ledgers.submit(charge.flight, command).await, id)?);
            }
            Step::Capture => {
                kill_points::pass("before_capture");
                self.asked("capture", provider.capture(id, charge.amount)).await?;
                kill_points::pass("after_capture");
                Learnt::Finished
            }
            Step::Void => {
                self.asked("void", provider.void(id, charge.amount)).await?;
                Learnt::Finished
            }
            Step::Note => {
                // Only noted: if that is lost, the same is asked of the provider again, without effect.
                let noted = self.notes.send(Note::Settled(id)).await;
                if noted.is_ok() { Learnt::Noted } else { Learnt::Silence }
            }
            Step::Done | Step::Leave => Learnt::Silence,
        };
        Ok((learnt, None))
    }

    /// The provider's answer, if it comes in time. Whether it comes is what the circuit goes by.
    async fn asked<T>(&self, call: &'static str, reply: Reply<'_, T>) -> Result<T, StepError> {
        let begun = Instant::now();
        let answer = timeout(self.times.payment, reply).await;
        let seconds = begun.elapsed().as_secs_f64();
        let answered = matches!(answer, Ok(Ok(_)));
        let outcome = if answered { "answered" } else { "unanswered" };
        metrics::histogram!("booking_provider_seconds", "call" => call, "outcome" => outcome).record(seconds);
        if answered {
            self.circuit.heard();
        } else {
            let means = self.clone();
            self.circuit.unanswered(&self.provider, move || !means.is_closing());
        }
        Ok(answer.map_err(|_| StepError::Silent)??)
    }

    /// Has the provider give money back, and stores that it has.
    pub(super) async fn give_back(&self, refund: &store::refunds::Unsettled) -> Result<(), StepError> {
        let call = self.provider.refund(refund.payment_id, refund.id, refund.amount);
        self.asked("refund", call).await?;
        kill_points::pass("after_refund");
        let connection = self.pool.get().await?;
        store::refunds::settle(&connection, &[refund.id.0]).await.map_err(DbError::from)?;
        Ok(())
    }
}

/// What an answer of the ledger says of a payment.
fn recorded(answer: Answer, payment: PaymentId) -> Result<Recorded, LedgerError> {
    Ok(match answer? {
        Outcome::Done(state) => {
            let now = state.payments.iter().find(|one| one.id == payment).map(|one| one.status);
            (now.map_or(Learnt::Silence, Learnt::Stands), Some(state))
        }
        Outcome::Refused(refusal) => {
            tracing::info!(payment.id = %payment, payment.refusal = ?refusal, "The ledger refuses a payment");
            (Learnt::Refused, None)
        }
        // Only commands with a key are replayed.
        Outcome::Replay(_) | Outcome::Quoted(..) => (Learnt::Silence, None),
    })
}

fn charged(verdict: Verdict, booking: Option<ShownBooking>) -> Charged {
    match (verdict, booking) {
        (Verdict::Paid, Some(state)) => Charged::Confirmed(state),
        (Verdict::Declined, Some(state)) => Charged::Declined(state),
        (Verdict::Unsettled, _) | (_, None) => Charged::Silent,
    }
}

/// An error with its causes, for one log line.
pub(super) struct Chain<'a>(pub(super) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
