//! What is read and written outside of the ledger's transactions: each a statement of its own.

use super::{Change, Database, Rows, rows::QueuedRow};
use crate::store::{refunds, unsettled_payments};
use booking_engine::{booking::disruption::Pending, ledger::rows::Known};
use booking_engine::{
    booking::{
        disruption, hold,
        idempotency::{KEPT_HOURS, Key},
        record::{Booking, Flights},
    },
    inventory::{
        flight::{Flight, is_sold},
        seat_inventory::{SeatsRead, TakenSeat},
    },
    payment::record::PaymentState,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingStatus, FlightState},
    ids::{BookingId, FlightId, PaymentId, RefundId},
};
use std::{collections::BTreeSet, sync::Arc};

/// How much longer a saga is left alone that was taken up so often.
fn patience(attempts: i16) -> TimeDelta {
    let seconds = if attempts == 0 { 0 } else { (1_i64 << attempts.min(10)).min(600) };
    TimeDelta::seconds(seconds)
}

impl Rows {
    /// A booking in full.
    pub(in crate::simulation) fn booking(&self, id: BookingId) -> Option<Booking> {
        let mut booking = self.bookings.get(&id)?.clone();
        let payments = self.payments_of.get(&id).into_iter().flatten();
        booking.payments = payments.filter_map(|id| Some(self.payments.get(id)?.payment.clone())).collect();
        let refunds = self.refunds_of.get(&id).into_iter().flatten();
        booking.refunds = refunds.filter_map(|id| Some(self.refunds.get(id)?.refund.clone())).collect();
        Some(booking)
    }

    pub(in crate::simulation) fn flights(&self, booking: &Booking) -> Flights {
        let ids = booking.segments.iter().map(|segment| segment.flight_id);
        ids.filter_map(|id| Some((id, self.states.get(&id)?.clone()))).collect()
    }

    pub(in crate::simulation) fn find_key(&self, key: &Key, clock: DateTime<Utc>) -> Option<Known> {
        let row = self.keys.get(&key.scope)?;
        if row.created_at <= clock - TimeDelta::hours(KEPT_HOURS.into()) {
            return None;
        }
        Some(match &row.answer {
            _ if row.body != key.body => Known::OtherBody,
            Some(answer) => Known::Answered(answer.clone()),
            None => Known::Running,
        })
    }

    /// As `store::flights::read_seats` and the flight's state.
    pub(in crate::simulation) fn read_flight(
        &self,
        id: FlightId,
        clock: DateTime<Utc>,
    ) -> Option<(Flight, SeatsRead)> {
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
        let read = SeatsRead {
            version: flight.version,
            on_sale: flight.on_sale,
            seats_version: flight.seats_version,
            taken: taken.collect(),
        };
        Some((Flight { on_sale: flight.on_sale, state }, read))
    }

    /// As `store::bookings::ended`.
    pub(in crate::simulation) fn ended(
        &self,
        clock: DateTime<Utc>,
        limit: usize,
    ) -> Vec<(BookingId, FlightId)> {
        let ended = self.holds.iter().take_while(|(end, _)| hold::has_ended(*end, clock));
        let first = |id: BookingId| self.bookings.get(&id)?.segments.iter().map(|one| one.flight_id).min();
        ended.filter_map(|(_, id)| Some((*id, first(*id)?))).take(limit).collect()
    }
}

impl Rows {
    /// As `store::disruptions::pending`.
    pub(in crate::simulation) fn pending(&self, limit: usize) -> Vec<Pending> {
        self.disruptions.values().copied().take(limit).collect()
    }

    /// As `store::disruptions::bookings_on`.
    pub(in crate::simulation) fn bookings_on(&self, flight: FlightId) -> BTreeSet<BookingId> {
        self.seats.get(&flight).into_iter().flatten().map(|(_, holder)| holder.booking).collect()
    }
}

impl Database {
    /// As `store::flights::upsert`: newest version wins. Gives what bookings have to follow.
    pub(in crate::simulation) fn upsert(&mut self, state: &Arc<FlightState>) -> Option<Pending> {
        let known = self.rows.flights.get(&state.id).copied();
        if known.is_some_and(|known| known.version >= state.version) {
            return None;
        }
        let before = self.rows.states.get(&state.id);
        let kind = before.and_then(|before| disruption::of_change(before, state));
        let change = kind.map(|kind| Pending { flight: state.id, version: state.version, kind });
        if change.is_some() {
            self.rows.put(Change::Disruption(state.id, change));
        }
        self.rows.put(Change::Flight(
            state.id,
            Some(super::rows::FlightRow {
                version: state.version,
                departure_at: state.departure.at,
                on_sale: is_sold(state),
                seats_version: known.map_or(0, |known| known.seats_version),
            }),
        ));
        self.rows.put(Change::State(state.id, Some(state.clone())));
        change
    }

    /// As `store::disruptions::done`.
    pub(in crate::simulation) fn followed(&mut self, change: Pending) {
        let noted = self.rows.disruptions.get(&change.flight);
        if noted.is_some_and(|noted| noted.version == change.version) {
            self.rows.put(Change::Disruption(change.flight, None));
        }
    }

    /// As `store::unsettled_payments::take`.
    pub(in crate::simulation) fn take_payments(
        &mut self,
        clock: DateTime<Utc>,
        idle: TimeDelta,
        limit: usize,
    ) -> Vec<unsettled_payments::Unsettled> {
        let idle_for = |(at, id): &&(DateTime<Utc>, PaymentId)| {
            let attempts = self.rows.unsettled.get(id).map_or(0, |row| row.attempts);
            *at < clock - idle - patience(attempts)
        };
        let by_attempt = self.rows.unsettled_by_attempt.iter();
        let due = by_attempt.take_while(|(at, _)| *at < clock - idle).filter(idle_for);
        let due: Vec<PaymentId> = due.map(|(_, id)| *id).take(limit).collect();
        let mut taken = Vec::with_capacity(due.len());
        for id in due {
            let Some(QueuedRow { attempts, .. }) = self.rows.unsettled.get(&id).copied() else { continue };
            let row = QueuedRow { attempted_at: clock, attempts: (attempts + 1).min(1000) };
            self.rows.put(Change::Queued(id, Some(row)));
            let Some(row) = self.rows.payments.get(&id) else { continue };
            let Some(booking) = self.rows.bookings.get(&row.booking) else { continue };
            let Some(flight_id) = booking.segments.iter().map(|one| one.flight_id).min() else { continue };
            taken.push(unsettled_payments::Unsettled {
                id,
                booking_id: row.booking,
                state: row.payment.state,
                amount: row.payment.amount,
                token: row.payment.token.clone(),
                flight_id,
                late: booking.hold_expires_at <= clock,
            });
        }
        taken
    }

    /// As `store::unsettled_payments::settle`.
    pub(in crate::simulation) fn settle_payment(&mut self, id: PaymentId) {
        self.rows.put(Change::Queued(id, None));
    }

    /// As `store::refunds::take_unsettled`.
    pub(in crate::simulation) fn take_refunds(
        &mut self,
        clock: DateTime<Utc>,
        idle: TimeDelta,
        limit: usize,
    ) -> Vec<refunds::Unsettled> {
        let due = |id: &&RefundId| {
            let Some(row) = self.rows.refunds.get(id) else { return false };
            let payment = self.rows.payments.get(&row.refund.payment_id);
            payment.is_some_and(|one| one.payment.state == PaymentState::Confirmed)
                && !self.rows.unsettled.contains_key(&row.refund.payment_id)
                && row.attempted_at.is_none_or(|at| at < clock - idle - patience(row.attempts))
        };
        let due: Vec<RefundId> =
            self.rows.unsettled_refunds.iter().filter(due).copied().take(limit).collect();
        let mut taken = Vec::with_capacity(due.len());
        for id in due {
            let Some(mut row) = self.rows.refunds.get(&id).cloned() else { continue };
            (row.attempted_at, row.attempts) = (Some(clock), (row.attempts + 1).min(1000));
            let (payment_id, amount) = (row.refund.payment_id, row.refund.amount);
            self.rows.put(Change::Refund(id, Some(Box::new(row))));
            taken.push(refunds::Unsettled { id, payment_id, amount });
        }
        taken
    }

    /// As `store::refunds::settle`.
    pub(in crate::simulation) fn settle_refund(&mut self, id: RefundId) {
        if let Some(mut row) = self.rows.refunds.get(&id).cloned() {
            row.refund.settled = true;
            self.rows.put(Change::Refund(id, Some(Box::new(row))));
        }
    }

    /// As `store::keys::clean`; gives how many were cleaned away.
    pub(in crate::simulation) fn clean_keys(&mut self, clock: DateTime<Utc>) -> usize {
        let oldest = clock - TimeDelta::hours(KEPT_HOURS.into());
        let old = self.rows.keys.iter().filter(|(_, row)| row.created_at < oldest);
        let old: Vec<Vec<u8>> = old.map(|(scope, _)| scope.clone()).collect();
        for scope in &old {
            self.rows.put(Change::Key(scope.clone(), None));
        }
        old.len()
    }
}
