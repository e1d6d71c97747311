//! What must be true when everything has come to rest.

use crate::{
    checks::{
        Invariants,
        check_result::{CheckResult, demand},
    },
    database::ModelRows,
    provider::SimulatedProvider,
};
use booking::replay::StoredCode;
use booking_engine::{
    booking::{disruption::Disruption, record::Booking},
    payment::record::{LedgerAccount, PaymentState},
};
use shared::events::BookingStatus;

impl Invariants {
    /// Nothing is under way any more; what is stored, what was told and what the provider did agree.
    pub(crate) fn at_rest(&self, rows: &ModelRows, provider: &SimulatedProvider) -> CheckResult {
        for id in &self.acknowledged {
            demand(rows.bookings.contains_key(id), || format!("booking {id} was acknowledged and is lost"))?;
        }
        for booking in rows.bookings.values() {
            let id = booking.id;
            demand(booking.status != BookingStatus::Held, || {
                format!("the hold of booking {id} until {} has no end", booking.hold_expires_at)
            })?;
            if booking.is_live() {
                self.check_followed(booking)?;
            }
        }
        for (id, row) in &rows.payments {
            let charged = provider.charged(*id);
            match row.payment.state {
                PaymentState::Confirmed => demand(charged == row.payment.amount, || {
                    format!("payment {id} of {} was charged with {charged}", row.payment.amount)
                })?,
                PaymentState::Declined | PaymentState::Voided => {
                    demand(charged == 0 && !provider.reserves(*id), || {
                        format!("payment {id} was declined, but its money is taken or reserved")
                    })?
                }
                PaymentState::Started => return Err(format!("payment {id} is not decided")),
            }
            demand(!rows.unsettled.contains_key(id), || format!("payment {id} is not settled"))?;
        }
        for (id, row) in &rows.refunds {
            demand(row.refund.settled, || format!("refund {id} is not settled"))?;
        }
        let clearing = rows.entries.iter().filter(|(key, _)| key.1 == LedgerAccount::Clearing.code());
        let clearing: i64 = clearing.map(|(_, entry)| entry.amount).sum();
        demand(clearing == provider.balance(), || {
            format!("the books say {clearing}, the provider says {}", provider.balance())
        })?;
        for row in rows.keys.values() {
            let waits = row.answer.is_none();
            demand(!waits, || format!("the key of booking {} has no answer", row.booking))?;
        }
        let live = rows.bookings.values().filter(|booking| booking.is_live());
        let places: usize = live.map(|booking| booking.segments.len() * booking.passengers.len()).sum();
        demand(places == rows.travellers.len(), || {
            format!("{places} places of travellers should be taken, and {} are", rows.travellers.len())
        })?;
        self.check_capacity(rows)
    }

    /// A booking knows what became of its flights: none of them was cancelled, and the times are the last.
    fn check_followed(&self, booking: &Booking) -> CheckResult {
        for segment in &booking.segments {
            let follows = self.disruptions.get(&segment.flight_id).is_none_or(|change| match change.kind {
                Disruption::Cancelled => false,
                Disruption::Rescheduled => segment.flight_version >= change.version,
            });
            demand(follows, || {
                format!("booking {} has not followed its flight {}", booking.id, segment.flight_id)
            })?;
        }
        Ok(())
    }

    /// Seats are those of the plan, and belong to who travels on them.
    fn check_capacity(&self, rows: &ModelRows) -> CheckResult {
        let mut count = 0;
        for (flight, seats) in &rows.seats {
            let Some(state) = rows.states.get(flight) else { continue };
            let plan = &state.seat_plan;
            for (seat, holder) in seats {
                count += 1;
                let seat = *seat;
                let known = plan.section(seat).is_some() && !plan.blocked_seats.contains(&seat);
                demand(known, || format!("seat {seat} of flight {flight} was sold and cannot be"))?;
                let place =
                    booking_engine::booking::refusal::FlightSeat { flight_id: *flight, designator: seat };
                demand(self.occupied.get(&place) == Some(&holder.booking), || {
                    format!("seat {seat} of flight {flight} belongs to a booking that is not on it")
                })?;
            }
        }
        demand(count == self.occupied.len(), || "bookings have seats that the table lacks".to_owned())
    }
}
