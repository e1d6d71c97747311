//! A payment provider as we must expect it: it decides on a payment once, and remembers; its answers
//! are late, or never come, and so are our questions. It takes note of what must not be asked of it.

use super::{
    scheduler::Owner,
    world::{MINUTE, SECOND, World},
};
use shared::ids::{PaymentId, RefundId};
use std::{collections::BTreeMap, rc::Rc};
use tokio::sync::oneshot;

/// What it knows of a payment.
#[derive(Debug, Default)]
struct Account {
    /// Whether money was reserved; `None`: it was not asked to.
    authorised: Option<bool>,
    amount: i64,
    captures: u32,
    voided: bool,
    refunds: BTreeMap<RefundId, i64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Provider(BTreeMap<PaymentId, Account>);

/// What it is asked for.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Authorise { payment: PaymentId, amount: i64, token: String },
    Find { payment: PaymentId },
    Capture { payment: PaymentId, amount: i64 },
    Void { payment: PaymentId },
    Refund { payment: PaymentId, refund: RefundId, amount: i64 },
}

/// What it answers: whether money is reserved for a payment, `None` where that is not known, and where
/// nothing was asked but to do something.
pub(super) type Reply = Option<bool>;

impl Provider {
    /// What was charged for a payment.
    pub(super) fn charged(&self, payment: PaymentId) -> i64 {
        self.0.get(&payment).map_or(0, |account| account.amount * i64::from(account.captures))
    }

    /// Whether money is reserved, and neither taken nor given up.
    pub(super) fn reserves(&self, payment: PaymentId) -> bool {
        self.0.get(&payment).is_some_and(|account| {
            account.authorised == Some(true) && !account.voided && account.captures == 0
        })
    }

    /// All that was taken, less what was given back.
    pub(super) fn balance(&self) -> i64 {
        let net = |account: &Account| {
            account.amount * i64::from(account.captures) - account.refunds.values().sum::<i64>()
        };
        self.0.values().map(net).sum()
    }

    /// Carries out what is asked; an error is a fault of ours.
    fn serve(&mut self, question: &Question) -> Result<Reply, String> {
        match question {
            Question::Authorise { payment, amount, token } => {
                let account = self.0.entry(*payment).or_default();
                if account.authorised.is_none() {
                    // Given up before it was asked for: nothing is reserved any more.
                    account.authorised = Some(token != "tok_declined" && !account.voided);
                    account.amount = *amount;
                }
                if account.amount != *amount {
                    return Err(format!("payment {payment} was authorised with two amounts"));
                }
                Ok(account.authorised)
            }
            Question::Find { payment } => Ok(self.0.get(payment).and_then(|account| account.authorised)),
            Question::Capture { payment, amount } => {
                let account = self.0.entry(*payment).or_default();
                if account.authorised != Some(true) || account.voided || account.amount != *amount {
                    return Err(format!("payment {payment} was captured, and is {account:?}"));
                }
                account.captures = 1;
                Ok(None)
            }
            Question::Void { payment } => {
                let account = self.0.entry(*payment).or_default();
                if account.captures > 0 {
                    return Err(format!("payment {payment} was given up after it was taken"));
                }
                account.voided = true;
                Ok(None)
            }
            Question::Refund { payment, refund, amount } => {
                let account = self.0.entry(*payment).or_default();
                let before = account.refunds.insert(*refund, *amount);
                let given = account.refunds.values().sum::<i64>();
                if account.captures == 0 || given > account.amount || before.is_some_and(|old| old != *amount)
                {
                    return Err(format!("refund {refund} of payment {payment} is impossible: {account:?}"));
                }
                Ok(None)
            }
        }
    }
}

impl World {
    /// Asks the provider. The question goes its way whoever waits; the answer may never come.
    pub(super) async fn ask(self: &Rc<Self>, question: Question) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        let world = self.clone();
        self.spawn(Owner::Outside, async move {
            world.hop().await;
            if world.strikes(30) {
                // On its way for longer than anybody waits.
                let micros = world.random().below(5 * MINUTE);
                world.sleep(micros).await;
            }
            let served = world.provider.borrow_mut().serve(&question);
            world.note(|| format!("the provider was asked to {question:?}: {served:?}"));
            let served = match served {
                Ok(served) => served,
                Err(fault) => return world.object(fault),
            };
            let (slow, silent) = match &question {
                Question::Authorise { token, .. } => (token == "tok_slow", token == "tok_timeout"),
                _ => (false, false),
            };
            if slow {
                world.sleep(3 * SECOND).await;
            }
            if silent || world.strikes(20) {
                // Nobody hears of it; the channel stays open for longer than anybody waits.
                world.sleep(10 * MINUTE).await;
                return;
            }
            world.hop().await;
            // An error means that nobody waits any longer.
            let _ = reply.send(served);
        });
        answer.await.ok()
    }
}
