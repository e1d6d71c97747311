//! `Sales`: the way of a booking through allocators, ledger and payment desk. No actor: it runs in
//! the task of its request, which a disconnecting client does not cancel.
//!
//! | file | what |
//! |---|---|
//! | [`order`], [`outcome`] | what is asked and answered |
//! | [`keyed`] | once for each idempotency key |
//! | [`check`] | an order against its flights |
//! | [`reserve`] | seats on all flights, or on none |
//! | [`make`] | a new booking |
//! | [`amendments`] | changes of one that exists |

mod amendments;
mod check;
mod keyed;
mod make;
mod order;
mod outcome;
mod reserve;
#[cfg(test)]
mod tests;

pub(crate) use order::{Order, OrderSegment};
pub(crate) use outcome::{SalesError, Sold, Stop};
#[cfg(feature = "simulation")]
pub(crate) use {
    check::{Checked, check},
    make::{ATTEMPTS, only_named},
    outcome::settle,
    reserve::check_total,
};

use super::{
    directory::Directory,
    ledger::{At, Command, Ledgers, Outcome},
    payment::{Admission, Charge, Charged, PaymentDesk},
};
use booking_engine::{
    booking::{idempotency::Key, presentation::ShownBooking, record::Booking},
    payment::{quote::QuoteId, record::PaymentOrder},
};
use keyed::RunningKeys;
use shared::{db::Pool, ids::FlightId, money::Currency};
use std::time::Duration;

/// See the module. Clones share everything.
#[derive(Clone)]
pub(crate) struct Sales {
    pub(crate) pool: Pool,
    pub(crate) directory: Directory,
    pub(crate) ledgers: Ledgers,
    pub(crate) desk: PaymentDesk,
    pub(crate) currency: Currency,
    /// Minutes that a hold may be asked for.
    pub(crate) max_hold_minutes: u32,
    /// Whether only accounts with a verified address make bookings.
    pub(crate) require_verified_email: bool,
    /// How long a request may take up to its first commit.
    pub(crate) patience: Duration,
    /// The keys whose requests run in this process.
    pub(crate) running: RunningKeys,
}

impl Sales {
    /// Makes a booking, held or paid.
    pub(crate) async fn book(&self, order: Order) -> Result<Sold, SalesError> {
        self.keyed(order.key.clone(), async || self.make(&order).await).await
    }

    /// Pays a held booking. `flight`: the lowest of its flights.
    pub(crate) async fn pay(
        &self,
        (at, flight): (At, FlightId),
        payment: PaymentOrder,
        key: Option<Key>,
    ) -> Result<Sold, SalesError> {
        let run = async || {
            // Before anything is written: what the desk cannot take on is not started.
            let admission = self.desk.admit()?;
            let command = Command::Pay { at, payment: payment.clone(), key: key.clone() };
            match self.ledgers.submit(flight, command).await? {
                Outcome::Done(state) => Ok(self.charge(state, &payment, flight, admission).await),
                Outcome::Quoted(quote, currency) => Ok(Sold::Quoted(quote.shown(currency))),
                Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
                Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
            }
        };
        self.keyed(key.clone(), run).await
    }

    /// Cancels a booking, on a quote or by its fares.
    pub(crate) async fn cancel(
        &self,
        booking: &Booking,
        (at, quote): (At, Option<QuoteId>),
        key: Option<Key>,
    ) -> Result<Sold, SalesError> {
        let run = async || {
            let sold = self.amend(booking, Command::Cancel { at, quote, key: key.clone() }).await?;
            if let Sold::Done(state) = &sold
                && !state.refunds.is_empty()
            {
                self.desk.nudge();
            }
            Ok(sold)
        };
        self.keyed(key.clone(), run).await
    }

    /// Has a payment carried out that the ledger has started.
    async fn charge(
        &self,
        state: ShownBooking,
        payment: &PaymentOrder,
        flight: FlightId,
        admission: Admission,
    ) -> Sold {
        let charge = Charge {
            payment: payment.id,
            booking: state.id,
            amount: state.price.total.minor,
            token: payment.token.clone(),
            flight,
        };
        match self.desk.charge(charge, admission).await {
            Charged::Confirmed(state) => Sold::Done(state),
            Charged::Declined(state) => Sold::Declined(state),
            Charged::Silent => Sold::Unsettled(state),
        }
    }
}
