//! Writes outside of the ledger's transactions. Each function stands for a statement of the service's `store`.

use crate::database::{ModelChange, ModelDatabase, ModelFlightRow, ModelUnsettledRow};
use booking_engine::{
    booking::{
        disruption::{self, PendingDisruption},
        idempotency::KEPT_HOURS,
    },
    inventory::flight::is_sold,
    payment::record::PaymentState,
    saga::settlement::{UnsettledPayment, UnsettledRefund},
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::FlightState,
    ids::{PaymentId, RefundId},
};
use std::sync::Arc;

/// How much longer a saga is left alone after this many attempts.
fn pause_after(attempts: i16) -> TimeDelta {
    let seconds = if attempts == 0 { 0 } else { (1_i64 << attempts.min(10)).min(600) };
    TimeDelta::seconds(seconds)
}

impl ModelDatabase {
    /// As `store::flight_updates::store`: newest version wins. Gives what bookings have to follow.
    pub(crate) fn upsert(&mut self, state: &Arc<FlightState>) -> Option<PendingDisruption> {
        let known = self.rows.flights.get(&state.id).copied();
        if known.is_some_and(|known| known.version >= state.version) {
            return None;
        }
        let before = self.rows.states.get(&state.id);
        let kind = before.and_then(|before| disruption::of_change(before, state));
        let change = kind.map(|kind| PendingDisruption { flight: state.id, version: state.version, kind });
        if change.is_some() {
            self.rows.put(ModelChange::Disruption(state.id, change));
        }
        self.rows.put(ModelChange::Flight(
            state.id,
            Some(ModelFlightRow {
                version: state.version,
                departure_at: state.departure.at,
                on_sale: is_sold(state),
                seats_version: known.map_or(0, |known| known.seats_version),
            }),
        ));
        self.rows.put(ModelChange::State(state.id, Some(state.clone())));
        change
    }

    /// As `store::disruptions::done`.
    pub(crate) fn followed(&mut self, change: PendingDisruption) {
        let noted = self.rows.disruptions.get(&change.flight);
        if noted.is_some_and(|noted| noted.version == change.version) {
            self.rows.put(ModelChange::Disruption(change.flight, None));
        }
    }

    /// As `store::unsettled_payments::take`.
    pub(crate) fn take_payments(
        &mut self,
        clock: DateTime<Utc>,
        idle: TimeDelta,
        limit: usize,
    ) -> Vec<UnsettledPayment> {
        let idle_for = |(at, id): &&(DateTime<Utc>, PaymentId)| {
            let attempts = self.rows.unsettled.get(id).map_or(0, |row| row.attempts);
            *at < clock - idle - pause_after(attempts)
        };
        let by_attempt = self.rows.unsettled_by_attempt.iter();
        let due = by_attempt.take_while(|(at, _)| *at < clock - idle).filter(idle_for);
        let due: Vec<PaymentId> = due.map(|(_, id)| *id).take(limit).collect();
        let mut taken = Vec::with_capacity(due.len());
        for id in due {
            let Some(ModelUnsettledRow { attempts, .. }) = self.rows.unsettled.get(&id).copied() else {
                continue;
            };
            let row = ModelUnsettledRow { attempted_at: clock, attempts: (attempts + 1).min(1000) };
            self.rows.put(ModelChange::Queued(id, Some(row)));
            let Some(row) = self.rows.payments.get(&id) else { continue };
            let Some(booking) = self.rows.bookings.get(&row.booking) else { continue };
            let Some(flight_id) = booking.segments.iter().map(|one| one.flight_id).min() else { continue };
            taken.push(UnsettledPayment {
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
    pub(crate) fn settle_payment(&mut self, id: PaymentId) {
        self.rows.put(ModelChange::Queued(id, None));
    }

    /// As `store::refunds::take_unsettled`.
    pub(crate) fn take_refunds(
        &mut self,
        clock: DateTime<Utc>,
        idle: TimeDelta,
        limit: usize,
    ) -> Vec<UnsettledRefund> {
        let due = |id: &&RefundId| {
            let Some(row) = self.rows.refunds.get(id) else { return false };
            let payment = self.rows.payments.get(&row.refund.payment_id);
            payment.is_some_and(|one| one.payment.state == PaymentState::Confirmed)
                && !self.rows.unsettled.contains_key(&row.refund.payment_id)
                && row.attempted_at.is_none_or(|at| at < clock - idle - pause_after(row.attempts))
        };
        let due: Vec<RefundId> =
            self.rows.unsettled_refunds.iter().filter(due).copied().take(limit).collect();
        let mut taken = Vec::with_capacity(due.len());
        for id in due {
            let Some(mut row) = self.rows.refunds.get(&id).cloned() else { continue };
            (row.attempted_at, row.attempts) = (Some(clock), (row.attempts + 1).min(1000));
            let (payment_id, amount) = (row.refund.payment_id, row.refund.amount);
            self.rows.put(ModelChange::Refund(id, Some(Box::new(row))));
            taken.push(UnsettledRefund { id, payment_id, amount });
        }
        taken
    }

    /// As `store::refunds::settle`.
    pub(crate) fn settle_refund(&mut self, id: RefundId) {
        if let Some(mut row) = self.rows.refunds.get(&id).cloned() {
            row.refund.settled = true;
            self.rows.put(ModelChange::Refund(id, Some(Box::new(row))));
        }
    }

    /// As `store::keys::clean`; gives how many were cleaned away.
    pub(crate) fn clean_keys(&mut self, clock: DateTime<Utc>) -> usize {
        let oldest = clock - TimeDelta::hours(KEPT_HOURS.into());
        let old = self.rows.keys.iter().filter(|(_, row)| row.created_at < oldest);
        let old: Vec<Vec<u8>> = old.map(|(scope, _)| scope.clone()).collect();
        for scope in &old {
            self.rows.put(ModelChange::Key(scope.clone(), None));
        }
        old.len()
    }
}
