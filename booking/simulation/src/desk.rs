//! The payment desks of the instances: sagas that are begun by requests, left by those who die, and
//! taken up by whoever finds them idle.

use super::{
    provider::Question,
    scheduler::Owner,
    world::{SECOND, World},
};
use booking_engine::ledger::command::{Command, LedgerError, Outcome};
use booking_engine::{
    booking::presentation::ShownBooking,
    payment::record::PaymentState,
    saga::step::{self, Decision, Learnt, Step, Stored, Verdict},
};
use chrono::TimeDelta;
use shared::ids::{BookingId, FlightId, PaymentId};
use std::rc::Rc;
use tokio::sync::oneshot;

/// A provider's answer, while somebody waits.
const TIMEOUT: u64 = 10 * SECOND;
/// A payment that nobody has had in hand for this long is taken up.
const IDLE: TimeDelta = TimeDelta::seconds(30);
/// Sagas taken up at once.
const BATCH: usize = 64;

/// A payment that is carried on.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) payment: PaymentId,
    pub(super) booking: BookingId,
    pub(super) amount: i64,
    pub(super) token: String,
    pub(super) flight: FlightId,
}

/// What somebody is told who waits for a payment.
pub(super) enum Charged {
    Confirmed(ShownBooking),
    Declined(ShownBooking),
    Silent,
}

impl World {
    /// Carries a payment as far as it comes while the traveller waits.
    pub(super) async fn charge(self: &Rc<Self>, at: usize, charge: Charge) -> Charged {
        let (reply, charged) = oneshot::channel();
        let world = self.clone();
        self.spawn(Owner::Instance(at), async move {
            world.carry(at, &charge, Stored::STARTED, step::CHARGE, Some(reply)).await;
        });
        charged.await.unwrap_or(Charged::Silent)
    }

    /// A saga from a step on.
    async fn carry(
        self: &Rc<Self>,
        at: usize,
        charge: &Charge,
        stored: Stored,
        mut step: Step,
        mut reply: Option<oneshot::Sender<Charged>>,
    ) {
        let mut last = None;
        loop {
            if let Some(verdict) = step::verdict(step)
                && let Some(reply) = reply.take()
            {
                // An error means that nobody waits any longer.
                let _ = reply.send(match (verdict, last.take()) {
                    (Verdict::Paid, Some(state)) => Charged::Confirmed(state),
                    (Verdict::Declined, Some(state)) => Charged::Declined(state),
                    (Verdict::Unsettled, _) | (_, None) => Charged::Silent,
                });
            }
            let learnt = match step {
                Step::Done | Step::Leave => return,
                Step::Authorise | Step::Ask | Step::Capture | Step::Void => self.ask_for(charge, step).await,
                Step::Confirm | Step::Decline { .. } => {
                    let (learnt, state) = self.command(at, charge, step).await;
                    last = state.or(last);
                    learnt
                }
                Step::Note => {
                    self.hop().await;
                    self.settle(charge.payment)
                }
            };
            step = step::next(stored, step, learnt);
        }
    }

    async fn ask_for(self: &Rc<Self>, charge: &Charge, step: Step) -> Learnt {
        let (payment, amount) = (charge.payment, charge.amount);
        let question = match step {
            Step::Authorise => Question::Authorise { payment, amount, token: charge.token.clone() },
            Step::Ask => Question::Find { payment },
            Step::Capture => Question::Capture { payment, amount },
            _ => Question::Void { payment },
        };
        match (self.in_time(TIMEOUT, self.ask(question)).await.flatten(), step) {
            (Some(Some(true)), _) => Learnt::Decided(Decision::Authorised),
            (Some(Some(false)), _) => Learnt::Decided(Decision::Declined),
            (Some(None), Step::Ask) => Learnt::NeverAsked,
            (Some(None), _) => Learnt::Finished,
            (None, _) => Learnt::Silence,
        }
    }

    async fn command(
        self: &Rc<Self>,
        at: usize,
        charge: &Charge,
        step: Step,
    ) -> (Learnt, Option<ShownBooking>) {
        let (booking, payment) = (charge.booking, charge.payment);
        let command = match step {
            Step::Decline { void } => Command::Decline { booking, payment, void },
            _ => Command::Confirm { booking, payment },
        };
        match self.submit(at, charge.flight, command).await {
            Ok(Outcome::Done(state)) => {
                let stands = state.payments.iter().find(|one| one.id == payment).map(|one| one.status);
                match stands {
                    Some(stands) => (Learnt::Stands(stands), Some(state)),
                    None => (Learnt::Silence, None),
                }
            }
            Ok(Outcome::Refused(_)) => (Learnt::Refused, None),
            Ok(Outcome::Replay(_) | Outcome::Quoted(..)) => (Learnt::Silence, None),
            Err(LedgerError::Overloaded | LedgerError::Unavailable | LedgerError::Internal) => {
                (Learnt::Silence, None)
            }
        }
    }

    /// Stores that the provider has done its part; lost with a database that is down.
    fn settle(&self, payment: PaymentId) -> Learnt {
        let now = self.now();
        let mut database = self.database.borrow_mut();
        if database.is_down(now) {
            return Learnt::Silence;
        }
        database.settle_payment(payment);
        if let Some(trace) = &self.trace {
            trace.borrow_mut().payment_settled(payment);
        }
        Learnt::Noted
    }

    /// Carries on what nobody has in hand.
    pub(super) async fn sweep(self: &Rc<Self>, at: usize) {
        self.hop().await;
        let (payments, refunds) = {
            let now = self.now();
            let mut database = self.database.borrow_mut();
            if database.is_down(now) {
                return;
            }
            let clock = database.clock(now);
            let payments = database.take_payments(clock, IDLE, BATCH);
            let refunds = database.take_refunds(clock, IDLE, BATCH);
            if let Some(trace) = &self.trace {
                trace.borrow_mut().swept(clock, IDLE, &payments, &refunds);
            }
            (payments, refunds)
        };
        for left in payments {
            self.count("sagas taken up");
            self.note(|| format!("instance {at} takes up payment {}, {:?}", left.id, left.state));
            // What the provider cannot be asked for any more is as good as late.
            let late = left.late || (left.state == PaymentState::Started && left.token.is_none());
            let stored = Stored { state: left.state, late };
            let charge = Charge {
                payment: left.id,
                booking: left.booking_id,
                amount: left.amount,
                token: left.token.unwrap_or_default(),
                flight: left.flight_id,
            };
            let world = self.clone();
            self.spawn(Owner::Instance(at), async move {
                world.carry(at, &charge, stored, step::resume(stored), None).await;
            });
        }
        for refund in refunds {
            let world = self.clone();
            self.spawn(Owner::Instance(at), async move {
                let question =
                    Question::Refund { payment: refund.payment_id, refund: refund.id, amount: refund.amount };
                if world.in_time(TIMEOUT, world.ask(question)).await.flatten().is_none() {
                    return;
                }
                world.hop().await;
                let now = world.now();
                let mut database = world.database.borrow_mut();
                if !database.is_down(now) {
                    database.settle_refund(refund.id);
                    if let Some(trace) = &world.trace {
                        trace.borrow_mut().refund_settled(refund.payment_id);
                    }
                }
            });
        }
    }
}
