//! A payment provider as we must expect it: it decides on a payment once, and remembers.

use shared::ids::{PaymentId, RefundId};
use std::collections::BTreeMap;

/// What the provider knows of a payment.
#[derive(Debug, Default)]
struct ProviderAccount {
    /// Whether money was reserved; `None`: it was not asked to.
    authorised: Option<bool>,
    amount: i64,
    captures: u32,
    voided: bool,
    refunds: BTreeMap<RefundId, i64>,
}

/// The accounts that the provider keeps, by payment.
#[derive(Debug, Default)]
pub(crate) struct SimulatedProvider(BTreeMap<PaymentId, ProviderAccount>);

/// What the provider is asked for.
#[derive(Debug, Clone)]
pub(crate) enum ProviderRequest {
    Authorise { payment: PaymentId, amount: i64, token: String },
    Find { payment: PaymentId },
    Capture { payment: PaymentId, amount: i64 },
    Void { payment: PaymentId },
    Refund { payment: PaymentId, refund: RefundId, amount: i64 },
}

/// What the provider answers: whether money is reserved for a payment, `None` where that is not known, and where
/// nothing was asked but to do something.
pub(crate) type ProviderAnswer = Option<bool>;

impl SimulatedProvider {
    /// What was charged for a payment.
    pub(crate) fn charged(&self, payment: PaymentId) -> i64 {
        self.0.get(&payment).map_or(0, |account| account.amount * i64::from(account.captures))
    }

    /// Whether money is reserved, and neither taken nor given up.
    pub(crate) fn reserves(&self, payment: PaymentId) -> bool {
        self.0.get(&payment).is_some_and(|account| {
            account.authorised == Some(true) && !account.voided && account.captures == 0
        })
    }

    /// All that was taken, less what was given back.
    pub(crate) fn balance(&self) -> i64 {
        let net = |account: &ProviderAccount| {
            account.amount * i64::from(account.captures) - account.refunds.values().sum::<i64>()
        };
        self.0.values().map(net).sum()
    }

    /// Carries out what is asked; an error is a fault of ours.
    pub(crate) fn serve(&mut self, question: &ProviderRequest) -> Result<ProviderAnswer, String> {
        match question {
            ProviderRequest::Authorise { payment, amount, token } => {
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
            ProviderRequest::Find { payment } => {
                Ok(self.0.get(payment).and_then(|account| account.authorised))
            }
            ProviderRequest::Capture { payment, amount } => {
                let account = self.0.entry(*payment).or_default();
                if account.authorised != Some(true) || account.voided || account.amount != *amount {
                    return Err(format!("payment {payment} was captured, and is {account:?}"));
                }
                account.captures = 1;
                Ok(None)
            }
            ProviderRequest::Void { payment } => {
                let account = self.0.entry(*payment).or_default();
                if account.captures > 0 {
                    return Err(format!("payment {payment} was given up after it was taken"));
                }
                account.voided = true;
                Ok(None)
            }
            ProviderRequest::Refund { payment, refund, amount } => {
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
