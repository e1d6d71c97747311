//! Reads of the model. Each function stands for a query of the service's `store`.

use crate::database::ModelRows;
use booking_engine::{
    booking::{
        disruption::PendingDisruption,
        hold,
        idempotency::{KEPT_HOURS, Key},
        record::{Booking, Flights},
    },
    inventory::{
        flight::Flight,
        seat_inventory::{SeatSnapshot, TakenSeat},
    },
    ledger::rows::KnownKey,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingStatus},
    ids::{BookingId, FlightId, UserId},
};
use std::collections::BTreeSet;

impl ModelRows {
    /// A booking in full.
    pub(crate) fn booking(&self, id: BookingId) -> Option<Booking> {
        let mut booking = self.bookings.get(&id)?.clone();
        let payments = self.payments_of.get(&id).into_iter().flatten();
        booking.payments = payments.filter_map(|id| Some(self.payments.get(id)?.payment.clone())).collect();
        let refunds = self.refunds_of.get(&id).into_iter().flatten();
        booking.refunds = refunds.filter_map(|id| Some(self.refunds.get(id)?.refund.clone())).collect();
        Some(booking)
    }

    pub(crate) fn flights(&self, booking: &Booking) -> Flights {
        let ids = booking.segments.iter().map(|segment| segment.flight_id);
        ids.filter_map(|id| Some((id, self.states.get(&id)?.clone()))).collect()
    }

    pub(crate) fn find_key(&self, key: &Key, clock: DateTime<Utc>) -> Option<KnownKey> {
        let row = self.keys.get(&key.scope)?;
        if row.created_at <= clock - TimeDelta::hours(KEPT_HOURS.into()) {
            return None;
        }
        Some(match &row.answer {
            _ if row.body != key.body => KnownKey::OtherBody,
            Some(answer) => KnownKey::Answered(answer.clone()),
            None => KnownKey::Running,
        })
    }

    /// As `store::flights::read_seats` and the flight's state.
    pub(crate) fn read_flight(&self, id: FlightId, clock: DateTime<Utc>) -> Option<(Flight, SeatSnapshot)> {
        let flight = self.flights.get(&id)?;
        let state = self.states.get(&id)?.clone();
        let ends_in = |booking: BookingId| {
            let booking = self.bookings.get(&booking)?;
            let by_itself = booking.status == BookingStatus::Held
                && booking.payment_status == BookingPaymentStatus::Awaiting;
            let left = booking.hold_expires_at.signed_duration_since(clock).num_microseconds()?;
            // Rounded up.
            by_itself.then(|| left.div_euclid(1000) + i64::from(left.rem_euclid(1000) > 0))
        };
        let seats = self.seats.get(&id).into_iter().flatten();
        let taken = seats.map(|(seat, holder)| TakenSeat {
            seat: *seat,
            sold: holder.sold,
            ends_in: ends_in(holder.booking),
        });
        let read = SeatSnapshot {
            version: flight.version,
            on_sale: flight.on_sale,
            seats_version: flight.seats_version,
            taken: taken.collect(),
        };
        Some((Flight { on_sale: flight.on_sale, state }, read))
    }

    /// As `store::bookings::ended`.
    pub(crate) fn ended(&self, clock: DateTime<Utc>, limit: usize) -> Vec<(BookingId, FlightId)> {
        let ended = self.holds.iter().take_while(|(end, _)| hold::has_ended(*end, clock));
        let first = |id: BookingId| self.bookings.get(&id)?.segments.iter().map(|one| one.flight_id).min();
        ended.filter_map(|(_, id)| Some((*id, first(*id)?))).take(limit).collect()
    }

    /// As `store::disruptions::pending`.
    pub(crate) fn pending(&self, after: Option<FlightId>, limit: usize) -> Vec<PendingDisruption> {
        let later = |change: &&PendingDisruption| after.is_none_or(|after| change.flight > after);
        self.disruptions.values().filter(later).copied().take(limit).collect()
    }

    /// As `store::disruptions::bookings_on`.
    pub(crate) fn bookings_on(&self, flight: FlightId) -> BTreeSet<BookingId> {
        self.seats.get(&flight).into_iter().flatten().map(|(_, holder)| holder.booking).collect()
    }

    /// Seats that an account holds on a flight, unpaid.
    pub(crate) fn held_on(&self, flight: FlightId, owner: UserId, clock: DateTime<Utc>) -> i64 {
        let is_held = |booking: BookingId| {
            self.bookings.get(&booking).is_some_and(|one| {
                one.status == BookingStatus::Held
                    && (one.payment_status == BookingPaymentStatus::Processing || one.hold_expires_at > clock)
            })
        };
        let entries = self.travellers.range((flight, owner, i64::MIN)..=(flight, owner, i64::MAX));
        let held = entries.filter(|(_, entry)| entry.seated && is_held(entry.booking)).count();
        i64::try_from(held).unwrap_or(i64::MAX)
    }

    /// Seats that an account holds on all flights, unpaid.
    pub(crate) fn held_in_all(&self, owner: UserId, clock: DateTime<Utc>) -> i64 {
        self.flights.keys().map(|flight| self.held_on(*flight, owner, clock)).sum()
    }
}
