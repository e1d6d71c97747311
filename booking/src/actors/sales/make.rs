//! New bookings.

use super::{
    Sales,
    order::Order,
    outcome::{SalesError, Sold, Stop},
};
use crate::{
    actors::ledger::{Claim, Command, Outcome},
    deadline,
    domain::refusal::{FlightSeat, Refusal},
};
use shared::{ids::FlightId, money::Money};
use std::collections::HashSet;
use tokio::time::Instant;

/// How often other seats are tried when assigned ones were lost at the fence.
pub(crate) const ATTEMPTS: usize = 8;

impl Sales {
    /// Makes a booking: checks the order, has seats marked, and has the ledger decide. Seats of our own
    /// choice that are lost to another instance are replaced, on all flights of the order.
    pub(super) async fn make(&self, order: &Order) -> Result<Sold, Stop> {
        let hold = self.hold(order).await?;
        let admission = order.payment.as_ref().map(|_| self.desk.admit()).transpose()?;
        let deadline = deadline::of_request(self.patience);
        let named: HashSet<FlightSeat> = order.named_seats().collect();
        for attempt in 1.. {
            let (booking, priced_from, marks) = self.reserve(order, deadline).await?;
            let total = Money::new(booking.total(), self.currency);
            if order.expected_total.is_some_and(|expected| expected.minor < total.minor) {
                if attempt == 1 && self.have_changed(&priced_from).await? {
                    continue;
                }
                return Err(Stop::Refused(Refusal::PriceChanged(total)));
            }
            if Instant::now() >= deadline {
                return Err(Stop::Failed(SalesError::Overloaded));
            }
            let lowest = booking.segments.iter().map(|segment| segment.flight_id).min();
            let Some(flight) = lowest else { return Err(Stop::Refused(Refusal::NotFound)) };
            let claim = Claim {
                booking,
                hold,
                priced_from,
                payment: order.payment.clone(),
                key: order.key.clone(),
                exempt: order.exempt,
            };
            let outcome = self.ledgers.submit(flight, Command::Claim(Box::new(claim))).await;
            if let Ok(Outcome::Refused(Refusal::FlightChanged(changed))) = &outcome {
                changed.iter().for_each(|id| self.directory.seats_unknown(*id));
                if attempt < ATTEMPTS {
                    drop(marks);
                    continue;
                }
            }
            if let Ok(Outcome::Refused(Refusal::SeatTaken(lost))) = &outcome {
                lost.iter().for_each(|seat| self.directory.seats_unknown(seat.flight_id));
                // Seats that we chose ourselves were lost to another instance: others will do.
                let chosen_by_us = lost.iter().all(|seat| !named.contains(seat));
                if chosen_by_us && attempt < ATTEMPTS {
                    drop(marks);
                    continue;
                }
            }
            drop(marks);
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
        Err(Stop::Refused(Refusal::FlightFull))
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
