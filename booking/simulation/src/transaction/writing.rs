//! What a transaction writes on the model.

use crate::{
    database::{ModelChange, ModelEntryRow, ModelKeyRow, ModelPaymentRow, ModelRefundRow, ModelUnsettledRow},
    transaction::model_transaction::ModelTransaction,
};
use booking::replay::StoredCode;
use booking_engine::{
    booking::record::Booking,
    ledger::write_set::WriteSet,
    payment::record::{Payment, PaymentState},
    store_error::{StoreError, StoreFault, StoreResult},
};
use chrono::{DateTime, Utc};
use shared::ids::BookingId;

pub(crate) fn unique(table: &str) -> StoreError {
    StoreError::new(StoreFault::Duplicate, format!("a key of {table} is not unique"))
}

fn check(table: &str) -> StoreError {
    StoreError::new(StoreFault::Data, format!("a value of {table} cannot be"))
}

impl ModelTransaction {
    /// As `store::new_bookings::insert`.
    pub(crate) fn insert(&mut self, new: &[Booking]) -> StoreResult<()> {
        for booking in new {
            if self.with_rows(|rows| rows.bookings.contains_key(&booking.id)) {
                return Err(unique("bookings"));
            }
            if self.with_rows(|rows| rows.locators.contains(booking.locator.as_str())) {
                return Err(unique("bookings"));
            }
            if booking.segments.iter().any(|segment| segment.fare < 0 || segment.taxes < 0) {
                return Err(check("segments"));
            }
            let row = Booking { payments: Vec::new(), refunds: Vec::new(), ..booking.clone() };
            self.put(ModelChange::Booking(booking.id, Some(Box::new(row))));
            for payment in &booking.payments {
                self.insert_payment(booking.id, payment)?;
            }
        }
        Ok(())
    }

    /// Writes what transitions have changed.
    pub(crate) fn change(&mut self, writes: &WriteSet<'_>, clock: DateTime<Utc>) -> StoreResult<()> {
        self.update_bookings(writes);
        self.sell(writes.sold);
        self.update_passengers(&writes.travellers);
        for (booking, payment) in writes.payments {
            self.insert_payment(*booking, payment)?;
        }
        for (id, state) in writes.decided {
            if let Some(mut row) = self.with_rows(|rows| rows.payments.get(id).cloned()) {
                (row.payment.state, row.payment.token) = (*state, None);
                self.put(ModelChange::Payment(*id, Some(Box::new(row))));
            }
            if *state == PaymentState::Declined {
                self.put(ModelChange::Queued(*id, None));
            }
        }
        self.write_refunds(writes)?;
        for quote in writes.quotes {
            self.put(ModelChange::Quote(quote.id, Some(*quote)));
        }
        for (booking, entry) in writes.entries {
            let key = (entry.cause, entry.account.code());
            if self.with_rows(|rows| rows.entries.contains_key(&key)) {
                return Err(unique("ledger_entries"));
            }
            let row = ModelEntryRow { booking: *booking, amount: entry.amount, created_at: clock };
            self.put(ModelChange::Entry(key, Some(row)));
        }
        for told in writes.answers {
            let bound = self.with_rows(|rows| rows.keys.get(&told.scope).cloned());
            if let Some(row) = bound.filter(|row| row.booking == told.booking) {
                let row = ModelKeyRow { answer: Some(told.answer.clone()), ..row };
                self.put(ModelChange::Key(told.scope.clone(), Some(row)));
            }
        }
        Ok(())
    }

    /// The columns that `store::bookings` and `store::passengers` name, and no others.
    fn update_bookings(&mut self, writes: &WriteSet<'_>) {
        for booking in &writes.bookings {
            self.update(booking, |row| {
                row.status = booking.status;
                row.payment_status = booking.payment_status;
                row.hold_expires_at = booking.hold_expires_at;
                row.version = booking.version;
                row.updated_at = booking.updated_at;
                row.confirmed_at = booking.confirmed_at;
            });
        }
        for booking in &writes.contacts {
            self.update(booking, |row| row.contact = booking.contact.clone());
        }
        for booking in &writes.rescheduled {
            self.update(booking, |row| {
                for (segment, known) in row.segments.iter_mut().zip(&booking.segments) {
                    segment.flight_version = known.flight_version;
                }
            });
        }
    }

    fn update_passengers(&mut self, changed: &[&Booking]) {
        for booking in changed {
            self.update(booking, |row| {
                for (passenger, now) in row.passengers.iter_mut().zip(&booking.passengers) {
                    passenger.given_name = now.given_name.clone();
                    passenger.family_name = now.family_name.clone();
                    passenger.booked_name = now.booked_name.clone();
                    passenger.ticket_number = now.ticket_number;
                    passenger.seats = now.seats.clone();
                }
            });
        }
    }

    fn update(&mut self, booking: &Booking, change: impl FnOnce(&mut Booking)) {
        if let Some(mut row) = self.with_rows(|rows| rows.bookings.get(&booking.id).cloned()) {
            change(&mut row);
            self.put(ModelChange::Booking(booking.id, Some(Box::new(row))));
        }
    }

    fn write_refunds(&mut self, writes: &WriteSet<'_>) -> StoreResult<()> {
        for (booking, refund) in writes.refunds {
            if self.with_rows(|rows| rows.refunds.contains_key(&refund.id)) {
                return Err(unique("refunds"));
            }
            if refund.amount <= 0 {
                return Err(check("refunds"));
            }
            let row =
                ModelRefundRow { booking: *booking, refund: refund.clone(), attempted_at: None, attempts: 0 };
            self.put(ModelChange::Refund(refund.id, Some(Box::new(row))));
        }
        Ok(())
    }

    fn insert_payment(&mut self, booking: BookingId, payment: &Payment) -> StoreResult<()> {
        if self.with_rows(|rows| rows.payments.contains_key(&payment.id)) {
            return Err(unique("payments"));
        }
        if payment.amount < 0 {
            return Err(check("payments"));
        }
        let row = ModelPaymentRow { booking, payment: payment.clone() };
        self.put(ModelChange::Payment(payment.id, Some(Box::new(row))));
        let queued = ModelUnsettledRow { attempted_at: payment.created_at, attempts: 0 };
        self.put(ModelChange::Queued(payment.id, Some(queued)));
        Ok(())
    }
}
