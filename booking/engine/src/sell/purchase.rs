//! New bookings, held or paid.

use crate::{
    booking::{
        presentation::ShownBooking,
        refusal::{FlightSeat, Refusal},
    },
    ledger::command::{Claim, Command, LedgerAnswer, Outcome},
    payment::{
        charge::{Charge, ChargeOutcome},
        record::PaymentOrder,
    },
    ports::{Clock, FlightInventory, FlightOffer, Ids, LedgerQueue, Payments, RequestContext, SubmitTerms},
    sell::{
        order::Order,
        outcome::{SalesAbort, SalesError, SalesOutcome},
        reserve::{CheckedOffers, ReservationOf},
        sales::{AdmittedRequest, Sales, SalesDeps},
    },
};
use shared_types::{ids::FlightId, money::Money};
use std::collections::HashSet;

/// The most attempts of an order whose assigned seats are lost to another instance.
const ATTEMPTS: usize = 8;

/// An attempt: a claim that is ready to be submitted, and the reservations of its seats.
type Proposal<D> = (Claim, Vec<ReservationOf<D>>);

/// The admission of a payment by the payment desk.
type AdmissionOf<D> = <<D as SalesDeps>::Payments as Payments>::Admission;

impl<D: SalesDeps> Sales<D> {
    /// Makes a booking, held or paid.
    ///
    /// # Errors
    /// [`SalesError`]. The request may have had its effect: the order's key shows that.
    pub async fn book(&self, order: &Order, request: AdmittedRequest) -> Result<SalesOutcome, SalesError> {
        let context = request.context;
        self.once(order.key.clone(), context, async || self.purchase(order, request).await).await
    }

    /// Checks the order, reserves seats, and has the ledger decide. If assigned seats are lost to another instance, it
    /// tries others on all flights of the order.
    async fn purchase(&self, order: &Order, request: AdmittedRequest) -> Result<SalesOutcome, SalesAbort> {
        let AdmittedRequest { context, mut slot } = request;
        let mut checked = Some(self.offers(order, context).await?);
        let admission = order.payment.as_ref().map(|_| self.deps.payments().admit()).transpose()?;
        let Some(flight) = order.lowest_flight() else { return Err(SalesAbort::Refused(Refusal::NotFound)) };
        let named: HashSet<FlightSeat> = order.named_seats().collect();
        for attempt in 1..=ATTEMPTS {
            // Each attempt looks the flights up again: they may have changed since the attempt before.
            let checked = match checked.take() {
                Some(checked) => checked,
                None => self.offers(order, context).await?,
            };
            let proposal = self.propose(order, &checked, (context, attempt)).await?;
            // The allocators may passivate while the ledger decides and the provider is asked.
            drop(checked);
            let Some((claim, reservations)) = proposal else { continue };
            let terms = SubmitTerms { deadline: context.deadline, slot: slot.take() };
            let answer = self.deps.ledger().submit(flight, Command::Claim(Box::new(claim)), terms).await;
            drop(reservations);
            if self.is_worth_another(&answer, &named, context).await? && attempt < ATTEMPTS {
                continue;
            }
            return match (answer?, &order.payment, admission) {
                (Outcome::Done(state), Some(payment), Some(admission)) => {
                    Ok(self.charge(state, payment, flight, admission).await)
                }
                (Outcome::Refused(Refusal::SeatTaken(lost)), _, _) => {
                    Err(SalesAbort::Refused(only_named(lost, &named)))
                }
                (outcome, _, _) => Ok(outcome.into()),
            };
        }
        // The flights have changed during every attempt.
        Err(SalesAbort::Failed(SalesError::Overloaded))
    }

    /// Reserves and prices seats; `None`: the flights have changed since they were checked.
    async fn propose(
        &self,
        order: &Order,
        checked: &CheckedOffers<D>,
        (context, attempt): (RequestContext, usize),
    ) -> Result<Option<Proposal<D>>, SalesAbort> {
        let reserved = self.reserve(order, checked, context).await?;
        if !checked.are_of(&reserved.priced_from) {
            return Ok(None);
        }
        let total = Money::new(reserved.order.total(), self.terms.currency);
        if order.expected_total.is_some_and(|expected| expected.minor < total.minor) {
            // The release comes first: other requests can reserve the seats while the flights are read again.
            drop(reserved.reservations);
            return match attempt == 1 && self.have_changed(&reserved.priced_from, context).await? {
                true => Ok(None),
                false => Err(SalesAbort::Refused(Refusal::PriceChanged(total))),
            };
        }
        if self.deps.clock().now() >= context.deadline {
            return Err(SalesAbort::Failed(SalesError::Overloaded));
        }
        let claim = Claim {
            id: self.deps.ids().uuid().into(),
            locator: self.deps.ids().locator(),
            order: reserved.order,
            hold: checked.hold,
            priced_from: reserved.priced_from,
            payment: order.payment.clone(),
            key: order.key.clone(),
            allowance: order.allowance,
            stale: Vec::new(),
        };
        Ok(Some((claim, reserved.reservations)))
    }

    /// Whether another attempt may have another outcome. Refreshes the inventory for it.
    async fn is_worth_another(
        &self,
        answer: &LedgerAnswer,
        named: &HashSet<FlightSeat>,
        context: RequestContext,
    ) -> Result<bool, SalesAbort> {
        let inventory = self.deps.inventory();
        match answer {
            Ok(Outcome::Refused(Refusal::FlightChanged(changed))) => {
                for id in changed {
                    inventory.invalidate(*id);
                    // The next attempt checks the flight itself, too, not only its seats.
                    inventory.reload(*id, context).await?;
                }
                Ok(true)
            }
            Ok(Outcome::Refused(Refusal::SeatTaken(lost))) => {
                lost.iter().for_each(|seat| inventory.invalidate(seat.flight_id));
                // Assigned seats were lost to another instance: other seats will do.
                Ok(lost.iter().all(|seat| !named.contains(seat)))
            }
            _ => Ok(false),
        }
    }

    /// Whether flights have newer versions than these.
    async fn have_changed(
        &self,
        versions: &[(FlightId, i64)],
        context: RequestContext,
    ) -> Result<bool, SalesAbort> {
        for (id, version) in versions {
            if self.deps.inventory().reload(*id, context).await?.flight().state.version > *version {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has the payment desk carry out a payment that the ledger has started.
    pub(crate) async fn charge(
        &self,
        state: ShownBooking,
        payment: &PaymentOrder,
        flight: FlightId,
        admission: AdmissionOf<D>,
    ) -> SalesOutcome {
        let charge = Charge {
            payment: payment.id,
            booking: state.id,
            amount: state.price.total.minor,
            token: payment.token.clone(),
            flight,
        };
        match self.deps.payments().charge(charge, admission).await {
            ChargeOutcome::Confirmed(state) => SalesOutcome::Done(state),
            ChargeOutcome::Declined(state) => SalesOutcome::Declined(state),
            ChargeOutcome::Unsettled => SalesOutcome::Unsettled(state),
        }
    }
}

/// The refusal after lost seats. It names the chosen ones; if only assigned seats were lost, the flight counts as full.
fn only_named(lost: Vec<FlightSeat>, named: &HashSet<FlightSeat>) -> Refusal {
    let seats: Vec<_> = lost.into_iter().filter(|seat| named.contains(seat)).collect();
    if seats.is_empty() { Refusal::FlightFull } else { Refusal::SeatTaken(seats) }
}

#[cfg(test)]
#[path = "purchase_tests.rs"]
mod tests;
