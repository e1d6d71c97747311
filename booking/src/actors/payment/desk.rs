//! `PaymentDesk`: authorise -> confirm -> answer -> capture, as a saga that survives a crash at any
//! step.
//!
//! The payment was started, and stored, by the ledger before the desk hears of it. Each step is stored
//! when it is done, and can be repeated. What a request leaves unfinished (its provider did not answer,
//! its process died) is taken up by any desk that finds it idle for long enough: it asks the provider
//! what became of the payment, and goes on from there. So a payment is settled once, whoever does it.

use super::{
    notes::{self, Finished, Note},
    provider::{Decision, PaymentProvider, ProviderError},
};
use crate::{
    actors::ledger::{Command, LedgerError, Ledgers, Outcome},
    domain::{payment::PaymentState, refusal::Refusal},
    store::{self, payments::Unsettled},
};
use actix::prelude::*;
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use shared::{
    db::{DbError, Pool},
    events::BookingState,
    ids::{BookingId, FlightId, PaymentId},
    telemetry::trace,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

/// Sagas taken up at once.
const BATCH: i64 = 64;
/// Sagas carried on at the same time by a sweep.
const CONCURRENCY: usize = 8;
/// Payments in hand; more are refused before they are started.
const PLACES: u32 = 2048;
/// How long a stop waits for payments in hand; what is left then is taken up later.
const FINISH: Duration = Duration::from_secs(5);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// A provider's answer, while the traveller waits.
    pub(crate) payment: Duration,
    /// A payment that nobody has had in hand for this long is taken up.
    pub(crate) idle: Duration,
    /// Between looks for such payments.
    pub(crate) sweep: Duration,
}

/// A payment that was just started.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) payment: PaymentId,
    pub(crate) booking: BookingId,
    pub(crate) amount: i64,
    pub(crate) token: String,
    /// A flight of the booking, to find its ledger by.
    pub(crate) flight: FlightId,
}

/// What became of a charge within the time that a traveller waits.
#[derive(Debug)]
pub(crate) enum Charged {
    /// The booking is confirmed.
    Confirmed(Box<BookingState>),
    /// The provider has refused.
    Declined(Box<BookingState>),
    /// The hold had ended before the authorisation came; it is voided.
    TooLate(Box<BookingState>),
    /// Nothing is known yet; it will be settled later.
    Silent,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Begin {
    charge: Charge,
    admission: Admission,
    trace: Option<trace::TraceContext>,
    reply: oneshot::Sender<Charged>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Nudge;

/// What sagas need. Cheap to clone.
#[derive(Clone)]
struct Means {
    provider: Arc<dyn PaymentProvider>,
    ledgers: Ledgers,
    pool: Pool,
    times: Times,
    notes: mpsc::Sender<Note>,
}

/// Why a step could not be taken; it is tried again later.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("the provider failed")]
    Provider(#[from] ProviderError),
    #[error("the provider does not answer")]
    Silent,
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[from] DbError),
    #[error("the ledger refused: {0:?}")]
    Refused(Refusal),
}

/// See the module.
struct Desk {
    means: Means,
    closing: Closing,
    sweeping: bool,
    /// Somebody asked for a sweep while one ran.
    again: bool,
}

/// A cloneable handle of the desk.
#[derive(Clone)]
pub(crate) struct PaymentDesk {
    desk: Addr<Desk>,
    provider: Arc<dyn PaymentProvider>,
    notes: mpsc::Sender<Note>,
    closing: Closing,
    /// All free when no payment is in hand.
    places: Arc<Semaphore>,
}

/// How a stop and the sweeps know of each other.
#[derive(Debug, Clone, Default)]
struct Closing {
    /// No further sweep begins.
    asked: Arc<AtomicBool>,
    /// Held by a sweep.
    sweep: Arc<Mutex<()>>,
}

/// The right to have a payment carried out; the place is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Admission(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

impl PaymentDesk {
    /// Starts the desk on the present arbiter; it begins with what others have left unfinished.
    pub(crate) fn start(
        provider: Arc<dyn PaymentProvider>,
        ledgers: Ledgers,
        pool: Pool,
        times: Times,
    ) -> Self {
        let notes = notes::start(pool.clone());
        let means = Means { provider: provider.clone(), ledgers, pool, times, notes: notes.clone() };
        let closing = Closing::default();
        let desk = Desk { means, closing: closing.clone(), sweeping: false, again: false }.start();
        Self { desk, provider, notes, closing, places: Arc::new(Semaphore::new(PLACES as usize)) }
    }

    /// Whether a token is one of the provider's.
    pub(crate) fn knows(&self, token: &str) -> bool {
        self.provider.knows(token)
    }

    /// A place for a payment; `None` when there are too many.
    pub(crate) fn admit(&self) -> Option<Admission> {
        self.places.clone().try_acquire_owned().ok().map(Admission)
    }

    /// Carries a payment as far as it comes while the traveller waits.
    pub(crate) async fn charge(&self, charge: Charge, admission: Admission) -> Charged {
        let (reply, charged) = oneshot::channel();
        let begin = Begin { charge, admission, trace: trace::current(), reply };
        // The payment is stored: whatever goes wrong here, it is settled later.
        // A fresh address: how many there are is bound by the admissions.
        match self.desk.clone().try_send(begin) {
            Ok(()) => charged.await.unwrap_or(Charged::Silent),
            Err(_) => Charged::Silent,
        }
    }

    /// Ready when no payment is in hand any more and nothing is swept, within 5 seconds. For a stop, when
    /// no more requests come: nothing new is taken up from now on.
    pub(crate) async fn finish(&self) {
        self.closing.asked.store(true, Ordering::Release);
        let finishing = async {
            // An error would mean that the places are closed, which they never are.
            let _all = self.places.acquire_many(PLACES).await;
            let _last = self.closing.sweep.lock().await;
            let (done, written) = oneshot::channel();
            if self.notes.send(Note::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        };
        if timeout(FINISH, finishing).await.is_err() {
            tracing::info!("Payments in hand are left to be taken up later");
        }
    }

    /// Something is to be settled: a refund, or a void.
    pub(crate) fn nudge(&self) {
        // A full mailbox loses it; the desk also looks by itself.
        let _ = self.desk.try_send(Nudge);
    }
}

impl Desk {
    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if self.closing.asked.load(Ordering::Acquire) || self.means.pool.is_closed() {
            ctx.stop();
            return;
        }
        if self.sweeping {
            self.again = true;
            return;
        }
        self.sweeping = true;
        let (means, turn) = (self.means.clone(), self.closing.sweep.clone());
        let task = actix::spawn(async move {
            let _turn = turn.lock().await;
            means.sweep().await
        });
        // Interleaves: charges are taken on meanwhile.
        ctx.spawn(task.into_actor(self).map(|swept, desk, ctx| {
            desk.sweeping = false;
            match swept {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "Unsettled payments could not be read"),
                Err(error) => tracing::error!(%error, "Settling payments panicked"),
            }
            if std::mem::take(&mut desk.again) {
                desk.sweep(ctx);
            }
        }));
    }
}

impl Actor for Desk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.sweep(ctx);
        ctx.run_interval(self.means.times.sweep, Self::sweep);
    }
}

impl Handler<Begin> for Desk {
    type Result = ();

    /// A task of its own, which nobody aborts.
    fn handle(&mut self, begin: Begin, _: &mut Context<Self>) {
        let means = self.means.clone();
        actix::spawn(async move {
            let _admission = begin.admission;
            match begin.trace {
                Some(context) => trace::scope(context, means.carry(begin.charge, begin.reply)).await,
                None => means.carry(begin.charge, begin.reply).await,
            }
        });
    }
}

impl Handler<Nudge> for Desk {
    type Result = ();

    fn handle(&mut self, _: Nudge, ctx: &mut Context<Self>) {
        self.sweep(ctx);
    }
}

impl Means {
    /// A saga from its start; the capture comes after the answer.
    async fn carry(&self, charge: Charge, reply: oneshot::Sender<Charged>) {
        let (id, amount) = (charge.payment, charge.amount);
        let charged = match self.authorise(&charge).await {
            Ok(decision) => self.decide(charge.flight, charge.booking, id, decision).await,
            Err(error) => Err(error),
        };
        let charged = charged.unwrap_or_else(|error| {
            tracing::warn!(payment.id = %id, error.chain = %Chain(&error), "A payment is unsettled");
            Charged::Silent
        });
        let next = match charged {
            Charged::Confirmed(_) => Some(PaymentState::Confirmed),
            Charged::TooLate(_) => Some(PaymentState::ToBeVoided),
            Charged::Declined(_) | Charged::Silent => None,
        };
        // An error means that nobody waits any longer.
        let _ = reply.send(charged);
        if let Some(state) = next
            && let Err(error) = self.finish(id, amount, state).await
        {
            tracing::warn!(payment.id = %id, error.chain = %Chain(&error), "A payment is finished later");
        }
    }

    async fn authorise(&self, charge: &Charge) -> Result<Decision, StepError> {
        let asked = self.provider.authorise(charge.payment, charge.amount, charge.token.clone());
        Ok(timeout(self.times.payment, asked).await.map_err(|_| StepError::Silent)??)
    }

    /// Has the ledger do what the provider's decision means.
    async fn decide(
        &self,
        flight: FlightId,
        booking: BookingId,
        payment: PaymentId,
        decision: Decision,
    ) -> Result<Charged, StepError> {
        let void = match decision {
            Decision::Declined => false,
            Decision::Authorised => {
                match self.ledgers.submit(flight, Command::Confirm { booking, payment }).await? {
                    Outcome::Done(state) => return Ok(Charged::Confirmed(state)),
                    // Too late: the money is given up, and the payment counts as declined.
                    Outcome::Refused(_) | Outcome::Replay(_) | Outcome::Quoted(..) => true,
                }
            }
        };
        self.decline(flight, booking, payment, void).await
    }

    async fn decline(
        &self,
        flight: FlightId,
        booking: BookingId,
        payment: PaymentId,
        void: bool,
    ) -> Result<Charged, StepError> {
        match self.ledgers.submit(flight, Command::Decline { booking, payment, void }).await? {
            Outcome::Done(state) if void => Ok(Charged::TooLate(state)),
            Outcome::Done(state) => Ok(Charged::Declined(state)),
            Outcome::Refused(refusal) => Err(StepError::Refused(refusal)),
            Outcome::Replay(_) | Outcome::Quoted(..) => Ok(Charged::Silent),
        }
    }

    /// The provider's part after the booking's: capture, or void.
    async fn finish(&self, payment: PaymentId, amount: i64, state: PaymentState) -> Result<(), StepError> {
        let (call, done) = match state {
            PaymentState::Confirmed => (self.provider.capture(payment, amount), PaymentState::Captured),
            PaymentState::ToBeVoided => (self.provider.void(payment, amount), PaymentState::Declined),
            PaymentState::Started | PaymentState::Captured | PaymentState::Declined => return Ok(()),
        };
        timeout(self.times.payment, call).await.map_err(|_| StepError::Silent)??;
        // Only noted: if that is lost, the same is asked of the provider again, without effect.
        let finished = Finished { payment, from: state, to: done };
        let _ = self.notes.send(Note::Finished(finished)).await;
        Ok(())
    }

    /// Carries on what nobody has in hand.
    async fn sweep(&self) -> Result<(), DbError> {
        let idle = TimeDelta::from_std(self.times.idle).unwrap_or(TimeDelta::MAX);
        let (payments, refunds) = {
            let mut connection = self.pool.get().await?;
            let payments = store::payments::take_unsettled(&mut connection, idle, BATCH).await?;
            (payments, store::refunds::take_unsettled(&mut connection, idle, BATCH).await?)
        };
        let payments = stream::iter(payments).for_each_concurrent(CONCURRENCY, async |payment| {
            if let Err(error) = self.resume(&payment).await {
                tracing::warn!(payment.id = %payment.id, error.chain = %Chain(&error), "A payment stays unsettled");
            }
        });
        payments.await;
        let refunds = stream::iter(refunds).for_each_concurrent(CONCURRENCY, async |refund| {
            if let Err(error) = self.give_back(&refund).await {
                tracing::warn!(refund.id = %refund.id, error.chain = %Chain(&error), "A refund stays unsettled");
            }
        });
        refunds.await;
        Ok(())
    }

    /// A saga that was left: what does the provider know of it?
    async fn resume(&self, payment: &Unsettled) -> Result<(), StepError> {
        let mut state = payment.state;
        if state == PaymentState::Started {
            let found = timeout(self.times.payment, self.provider.find(payment.id)).await;
            let decision = match found.map_err(|_| StepError::Silent)?? {
                // The provider has not decided within the time that it had: it is no longer asked to.
                None if payment.late => None,
                None => Some(self.authorise(&charge_of(payment)).await?),
                decided => decided,
            };
            tracing::info!(payment.id = %payment.id, payment.decision = ?decision, "A payment that was left is settled");
            let (flight, booking) = (payment.flight_id, payment.booking_id);
            let settled = match decision {
                Some(decision) => self.decide(flight, booking, payment.id, decision).await?,
                None => self.decline(flight, booking, payment.id, true).await?,
            };
            state = match settled {
                Charged::Confirmed(_) => PaymentState::Confirmed,
                Charged::TooLate(_) => PaymentState::ToBeVoided,
                Charged::Declined(_) | Charged::Silent => return Ok(()),
            };
        }
        self.finish(payment.id, payment.amount, state).await
    }

    async fn give_back(&self, refund: &store::refunds::Unsettled) -> Result<(), StepError> {
        let call = self.provider.refund(refund.payment_id, refund.id, refund.amount);
        timeout(self.times.payment, call).await.map_err(|_| StepError::Silent)??;
        let mut connection = self.pool.get().await?;
        store::refunds::settle(&mut connection, &[refund.id.0]).await.map_err(DbError::from)?;
        Ok(())
    }
}

fn charge_of(payment: &Unsettled) -> Charge {
    Charge {
        payment: payment.id,
        booking: payment.booking_id,
        amount: payment.amount,
        token: payment.token.clone().unwrap_or_default(),
        flight: payment.flight_id,
    }
}

/// An error with its causes, for one log line.
struct Chain<'a>(&'a dyn std::error::Error);

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
