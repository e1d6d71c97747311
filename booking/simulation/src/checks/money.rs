//! The books: money in less refunds is what the clearing account says, booking by booking.

use crate::{
    checks::check_result::{CheckResult, demand},
    database::ModelRows,
};
use booking::replay::StoredCode;
use booking_engine::{
    booking::record::Booking,
    payment::record::{LedgerAccount, PaymentState},
};
use shared::events::{BookingPaymentStatus, BookingStatus};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The books of a booking balance, and agree with its payments.
pub(crate) fn check(rows: &ModelRows, booking: &Booking) -> CheckResult {
    let id = booking.id;
    let entries = rows.entries_of.get(&id).into_iter().flatten();
    let mut causes: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut clearing = 0;
    for key in entries {
        let Some(entry) = rows.entries.get(key) else { continue };
        *causes.entry(key.0).or_default() += entry.amount;
        if key.1 == LedgerAccount::Clearing.code() {
            clearing += entry.amount;
        }
    }
    for (cause, sum) in causes {
        demand(sum == 0, || format!("the entries of {cause} of booking {id} add up to {sum}"))?;
    }
    let in_state = |state| booking.payments.iter().filter(move |one| one.state == state);
    let taken: i64 = in_state(PaymentState::Confirmed).map(|one| one.amount).sum();
    let refunded: i64 = booking.refunds.iter().map(|refund| refund.amount).sum();
    demand(clearing == taken - refunded, || {
        format!("booking {id}: {taken} paid, {refunded} given back, {clearing} in the books")
    })?;
    demand(refunded <= taken, || format!("booking {id} got back more than was paid"))?;
    demand(in_state(PaymentState::Confirmed).count() <= 1, || format!("booking {id} was paid twice"))?;
    let started = in_state(PaymentState::Started).count();
    let processing = booking.payment_status == BookingPaymentStatus::Processing;
    demand(started == usize::from(processing), || {
        format!("booking {id} is {:?} with {started} payments under way", booking.payment_status)
    })?;
    for payment in &booking.payments {
        let queued = rows.unsettled.contains_key(&payment.id);
        let fits = match payment.state {
            PaymentState::Started => queued,
            PaymentState::Declined => !queued,
            PaymentState::Confirmed | PaymentState::Voided => true,
        };
        demand(fits, || {
            format!("payment {} of booking {id} is {:?}, queued: {queued}", payment.id, payment.state)
        })?;
    }
    let confirmed = booking.status == BookingStatus::Confirmed;
    demand(!confirmed || taken == booking.total(), || format!("booking {id} is confirmed, but not paid"))
}
