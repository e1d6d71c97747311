//! New bookings.

use super::{
    Sales,
    check::Checked,
    order::Order,
    outcome::{SalesError, Sold, Stop},
};
use crate::{
    actors::{
        directory::Marks,
        ledger::{Answer, Claim, Command, Outcome},
    },
    deadline,
};
use booking_engine::booking::refusal::{FlightSeat, Refusal};
use shared::{ids::FlightId, money::Money};
use std::collections::HashSet;
use tokio::time::Instant;

/// How often other seats are tried when assigned ones were lost at the fence.
pub(crate) const ATTEMPTS: usize = 8;

/// An attempt: a claim that is ready to be submitted, and the marks of its seats.
type Proposal = (Claim, Vec<Marks>);

impl Sales {
    /// Makes a booking: checks the order, has seats marked, and has the ledger decide. Seats of our own
    /// choice that are lost to another instance are replaced, on all flights of the order.
    pub(super) async fn make(&self, order: &Order) -> Result<Sold, Stop> {
        let mut checked = Some(self.check(order).await?);
        let admission = order.payment.as_ref().map(|_| self.desk.admit()).transpose()?;
        let deadline = deadline::of_request(self.patience);
        let named: HashSet<FlightSeat> = order.named_seats().collect();
        for attempt in 1..=ATTEMPTS {
            // By the flights as they are now: they may have moved since the attempt before.
            let checked = match checked.take() {
                Some(checked) => checked,
                None => self.check(order).await?,
            };
            let proposal = self.propose(order, &checked, (deadline, attempt)).await?;
            let Some((claim, marks)) = proposal else { continue };
            let lowest = claim.booking.segments.iter().map(|segment| segment.flight_id).min();
            let Some(flight) = lowest else { return Err(Stop::Refused(Refusal::NotFound)) };
            let outcome = self.ledgers.submit(flight, Command::Claim(Box::new(claim))).await;
            drop(marks);
            if self.is_worth_another(&outcome, &named).await? && attempt < ATTEMPTS {
                continue;
            }
            return match outcome? {
                Outcome::Done(state) => match (&order.payment, admission) {
                    (Some(payment), Some(admission)) => {
                        Ok(self.charge(state, payment, flight, admission).await)
                    }
                    _ => Ok(Sold::Done(state)),
                },
                Outcome::Quoted(quote, currency) => Ok(Sold::Quoted(quote.shown(currency))),
                Outcome::Replay(answer) => Ok(Sold::Replay(answer)),
                Outcome::Refused(Refusal::SeatTaken(lost)) => Err(Stop::Refused(only_named(lost, &named))),
                Outcome::Refused(refusal) => Err(Stop::Refused(refusal)),
            };
        }
        // The flights change faster than they can be sold.
        Err(Stop::Failed(SalesError::Overloaded))
    }

    /// Has seats marked and priced; `None` where the flights have changed since they were checked.
    async fn propose(
        &self,
        order: &Order,
        checked: &Checked,
        (deadline, attempt): (Instant, usize),
    ) -> Result<Option<Proposal>, Stop> {
        let (booking, priced_from, marks) = self.reserve(order, deadline).await?;
        if !checked.is_of(&priced_from) {
            return Ok(None);
        }
        let total = Money::new(booking.total(), self.currency);
        if order.expected_total.is_some_and(|expected| expected.minor < total.minor) {
            // Who does not want them at this price keeps them from nobody while the flights are read.
            drop(marks);
            return match attempt == 1 && self.have_changed(&priced_from).await? {
                true => Ok(None),
                false => Err(Stop::Refused(Refusal::PriceChanged(total))),
            };
        }
        if Instant::now() >= deadline {
            return Err(Stop::Failed(SalesError::Overloaded));
        }
        let claim = Claim {
            booking,
            hold: checked.hold,
            priced_from,
            payment: order.payment.clone(),
            key: order.key.clone(),
            allowance: order.allowance,
            stale: Vec::new(),
        };
        Ok(Some((claim, marks)))
    }

    /// Whether what came of a claim may come out otherwise; then the allocators know better than before.
    async fn is_worth_another(&self, outcome: &Answer, named: &HashSet<FlightSeat>) -> Result<bool, Stop> {
        match outcome {
            Ok(Outcome::Refused(Refusal::FlightChanged(changed))) => {
                for id in changed {
                    self.directory.seats_unknown(*id);
                    // Not only its seats: what is checked next is the flight as it is now.
                    self.directory.flight_now(*id).await?;
                }
                Ok(true)
            }
            Ok(Outcome::Refused(Refusal::SeatTaken(lost))) => {
                lost.iter().for_each(|seat| self.directory.seats_unknown(seat.flight_id));
                // Seats that we chose ourselves were lost to another instance: others will do.
                Ok(lost.iter().all(|seat| !named.contains(seat)))
            }
            _ => Ok(false),
        }
    }

    /// Whether flights have newer versions than these.
    async fn have_changed(&self, versions: &[(FlightId, i64)]) -> Result<bool, Stop> {
        for (id, version) in versions {
            if self.directory.flight_now(*id).await?.state.version > *version {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Of the lost seats those that the traveller has chosen; when there are none the flight is full, as
/// far as we have tried.
pub(crate) fn only_named(lost: Vec<FlightSeat>, named: &HashSet<FlightSeat>) -> Refusal {
    let seats: Vec<_> = lost.into_iter().filter(|seat| named.contains(seat)).collect();
    if seats.is_empty() { Refusal::FlightFull } else { Refusal::SeatTaken(seats) }
}
