//! What was done to the database, so that the same can be done to another.

use super::{database::Abort, replay_rows::answer, tally::outcome};
use crate::store::{codes::Code, refunds, unsettled_payments};
use booking_engine::{
    booking::disruption::Pending,
    ledger::{command::Command, decide::Verdict, rows::Known},
};
use booking_engine::{booking::idempotency::Key, inventory::seat_inventory::SeatsRead};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingState, FlightState},
    ids::{BookingId, FlightId, PaymentId},
};
use std::sync::Arc;

/// A transaction of a ledger.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// The ledger, and so the connection.
    pub(super) ledger: usize,
    pub(super) commands: Vec<Command>,
    pub(super) abort: Option<Abort>,
    /// The clock at each call.
    pub(super) clocks: Vec<DateTime<Utc>>,
    /// In words, where it came as far as that.
    pub(super) verdicts: Option<Vec<String>>,
    pub(super) committed: bool,
    /// It never got its locks: who ran it died.
    pub(super) abandoned: bool,
}

/// One thing that was done. What the model said is kept with it.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Flight(Arc<FlightState>),
    /// A transaction begins, and goes as far as its locks.
    Begin(usize),
    /// It gets them, and goes to its end.
    Resume(usize),
    ReadSeats {
        flight: FlightId,
        clock: DateTime<Utc>,
        said: String,
    },
    ReadBooking {
        booking: BookingId,
        clock: DateTime<Utc>,
        said: String,
    },
    FindKey {
        key: Key,
        clock: DateTime<Utc>,
        said: String,
    },
    Reap {
        clock: DateTime<Utc>,
        limit: usize,
        said: Vec<String>,
        cleaned: Option<usize>,
    },
    Sweep {
        clock: DateTime<Utc>,
        idle: TimeDelta,
        payments: Vec<String>,
        refunds: Vec<String>,
    },
    Disruptions {
        said: Vec<String>,
    },
    BookingsOn {
        flight: FlightId,
        said: Vec<String>,
    },
    /// The bookings of a flight have followed its change.
    Followed(Pending),
    SettlePayment {
        payment: PaymentId,
    },
    /// Of the payment.
    SettleRefund {
        payment: PaymentId,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) deeds: Vec<Deed>,
    pub(super) batches: Vec<Batch>,
    /// Committed events: kind, subject, version.
    pub(super) events: Vec<String>,
}

impl Trace {
    pub(super) fn flight(&mut self, state: &Arc<FlightState>) {
        self.deeds.push(Deed::Flight(state.clone()));
    }

    /// A transaction begins; gives its number.
    pub(super) fn begun(&mut self, ledger: usize, commands: Vec<Command>, abort: Option<Abort>) -> usize {
        let (clocks, verdicts) = (Vec::new(), None);
        self.batches.push(Batch {
            ledger,
            commands,
            abort,
            clocks,
            verdicts,
            committed: false,
            abandoned: true,
        });
        let number = self.batches.len() - 1;
        self.deeds.push(Deed::Begin(number));
        number
    }

    pub(super) fn resumed(&mut self, number: usize) {
        self.deeds.push(Deed::Resume(number));
    }

    pub(super) fn ended(
        &mut self,
        number: usize,
        clocks: &[DateTime<Utc>],
        verdicts: Option<&[Verdict]>,
        committed: bool,
    ) {
        let batch = &mut self.batches[number];
        batch.clocks = clocks.to_vec();
        batch.verdicts = verdicts.map(|all| all.iter().map(outcome).collect());
        (batch.committed, batch.abandoned) = (committed, false);
    }

    pub(super) fn read_seats(&mut self, flight: FlightId, clock: DateTime<Utc>, read: &SeatsRead) {
        self.deeds.push(Deed::ReadSeats { flight, clock, said: seats_read(read) });
    }

    pub(super) fn read_booking(&mut self, clock: DateTime<Utc>, state: &BookingState) {
        self.deeds.push(Deed::ReadBooking { booking: state.id, clock, said: booking_read(state) });
    }

    pub(super) fn found_key(&mut self, key: &Key, clock: DateTime<Utc>, found: Option<&Known>) {
        self.deeds.push(Deed::FindKey { key: key.clone(), clock, said: known(found) });
    }

    pub(super) fn reaped(
        &mut self,
        clock: DateTime<Utc>,
        limit: usize,
        ended: &[(BookingId, FlightId)],
        cleaned: Option<usize>,
    ) {
        let said = holds_ended(ended);
        self.deeds.push(Deed::Reap { clock, limit, said, cleaned });
    }

    pub(super) fn swept(
        &mut self,
        clock: DateTime<Utc>,
        idle: TimeDelta,
        payments: &[unsettled_payments::Unsettled],
        refunds: &[refunds::Unsettled],
    ) {
        let (payments, refunds) = (unsettled(payments), unsettled_refunds(refunds));
        self.deeds.push(Deed::Sweep { clock, idle, payments, refunds });
    }

    pub(super) fn pending(&mut self, changes: &[Pending]) {
        self.deeds.push(Deed::Disruptions { said: disruptions(changes) });
    }

    pub(super) fn bookings_on<'a>(
        &mut self,
        flight: FlightId,
        bookings: impl IntoIterator<Item = &'a BookingId>,
    ) {
        self.deeds.push(Deed::BookingsOn { flight, said: bookings_in_order(bookings) });
    }

    pub(super) fn followed(&mut self, change: Pending) {
        self.deeds.push(Deed::Followed(change));
    }

    pub(super) fn payment_settled(&mut self, payment: PaymentId) {
        self.deeds.push(Deed::SettlePayment { payment });
    }

    pub(super) fn refund_settled(&mut self, payment: PaymentId) {
        self.deeds.push(Deed::SettleRefund { payment });
    }
}

/// A flight's seats in words, in order.
pub(super) fn seats_read(read: &SeatsRead) -> String {
    let mut seats: Vec<_> = read
        .taken
        .iter()
        .map(|one| (one.seat, format!("{} {} {:?}", one.seat, one.sold, one.ends_in)))
        .collect();
    seats.sort();
    let seats: Vec<String> = seats.into_iter().map(|(_, text)| text).collect();
    format!("{} {} {}: {}", read.version, read.on_sale, read.seats_version, seats.join(", "))
}

/// A booking as it is shown, without what differs between equal runs.
pub(super) fn booking_read(state: &BookingState) -> String {
    serde_json::to_string(state).map_or_else(|error| error.to_string(), |text| answer(200, &text))
}

/// What is known of a key, in words.
pub(super) fn known(found: Option<&Known>) -> String {
    match found {
        None => "free".to_owned(),
        Some(Known::Running) => "running".to_owned(),
        Some(Known::OtherBody) => "another body".to_owned(),
        Some(Known::Answered(answer)) => format!("answered with {}", answer.status),
    }
}

/// Holds that have ended, in order.
pub(super) fn holds_ended(ended: &[(BookingId, FlightId)]) -> Vec<String> {
    let mut lines: Vec<_> = ended.iter().map(|(booking, flight)| format!("{booking} {flight}")).collect();
    lines.sort();
    lines
}

/// Payments that were taken up, in order.
pub(super) fn unsettled(taken: &[unsettled_payments::Unsettled]) -> Vec<String> {
    let line = |one: &unsettled_payments::Unsettled| {
        let (id, booking, flight) = (one.id, one.booking_id, one.flight_id);
        format!("{id} {booking} {:?} {} {:?} {flight} {}", one.state, one.amount, one.token, one.late)
    };
    let mut lines: Vec<_> = taken.iter().map(line).collect();
    lines.sort();
    lines
}

/// Refunds that were taken up, in order, by their payments: refunds draw their own ids.
pub(super) fn unsettled_refunds(taken: &[refunds::Unsettled]) -> Vec<String> {
    let mut lines: Vec<_> = taken.iter().map(|one| format!("{} {}", one.payment_id, one.amount)).collect();
    lines.sort();
    lines
}

/// Changes of flights, in order.
pub(super) fn disruptions(changes: &[Pending]) -> Vec<String> {
    changes.iter().map(|one| format!("{} {} {}", one.flight, one.version, one.kind.code())).collect()
}

/// Bookings, in order.
pub(super) fn bookings_in_order<'a>(bookings: impl IntoIterator<Item = &'a BookingId>) -> Vec<String> {
    let mut lines: Vec<_> = bookings.into_iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}
