//! What was done to the database, so that the same can be done to another.

use super::{database::Abort, replay_rows::answer, tally::outcome};
use booking::replay::StoredCode;
use booking_engine::{
    booking::{disruption::PendingDisruption, idempotency::Key},
    inventory::seat_inventory::SeatSnapshot,
    ledger::{command::Command, rows::KnownKey, work::Verdict},
    saga::settlement::{UnsettledPayment, UnsettledRefund},
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingState, FlightState},
    ids::{BookingId, FlightId, PaymentId},
};
use std::sync::Arc;

/// A transaction of a ledger.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The ledger, and so the connection.
    pub(crate) ledger: usize,
    pub(crate) commands: Vec<Command>,
    pub(crate) abort: Option<Abort>,
    /// The clock at each call.
    pub(crate) clocks: Vec<DateTime<Utc>>,
    /// In words, where it came as far as that.
    pub(crate) verdicts: Option<Vec<String>>,
    pub(crate) committed: bool,
    /// It never got its locks: who ran it died.
    pub(crate) abandoned: bool,
}

/// One thing that was done. What the model said is kept with it.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
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
    EndedHolds {
        clock: DateTime<Utc>,
        limit: usize,
        said: Vec<String>,
        cleaned: Option<usize>,
    },
    TakePayments {
        clock: DateTime<Utc>,
        idle: TimeDelta,
        limit: usize,
        said: Vec<String>,
    },
    TakeRefunds {
        clock: DateTime<Utc>,
        idle: TimeDelta,
        limit: usize,
        said: Vec<String>,
    },
    Disruptions {
        after: Option<FlightId>,
        limit: usize,
        said: Vec<String>,
    },
    BookingsOn {
        flight: FlightId,
        said: Vec<String>,
    },
    /// The bookings of a flight have followed its change.
    Followed(PendingDisruption),
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
pub(crate) struct Trace {
    pub(crate) deeds: Vec<Deed>,
    pub(crate) batches: Vec<Batch>,
    /// Committed events: kind, subject, version.
    pub(crate) events: Vec<String>,
}

impl Trace {
    pub(crate) fn flight(&mut self, state: &Arc<FlightState>) {
        self.deeds.push(Deed::Flight(state.clone()));
    }

    /// A transaction begins; gives its number.
    pub(crate) fn begun(&mut self, ledger: usize, commands: Vec<Command>, abort: Option<Abort>) -> usize {
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

    pub(crate) fn resumed(&mut self, number: usize) {
        self.deeds.push(Deed::Resume(number));
    }

    pub(crate) fn ended(
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

    pub(crate) fn read_seats(&mut self, flight: FlightId, clock: DateTime<Utc>, read: &SeatSnapshot) {
        self.deeds.push(Deed::ReadSeats { flight, clock, said: seats_read(read) });
    }

    pub(crate) fn read_booking(&mut self, clock: DateTime<Utc>, state: &BookingState) {
        self.deeds.push(Deed::ReadBooking { booking: state.id, clock, said: booking_read(state) });
    }

    pub(crate) fn found_key(&mut self, key: &Key, clock: DateTime<Utc>, found: Option<&KnownKey>) {
        self.deeds.push(Deed::FindKey { key: key.clone(), clock, said: known(found) });
    }

    pub(crate) fn ended_holds(
        &mut self,
        clock: DateTime<Utc>,
        limit: usize,
        ended: &[(BookingId, FlightId)],
        cleaned: Option<usize>,
    ) {
        let said = holds_ended(ended);
        self.deeds.push(Deed::EndedHolds { clock, limit, said, cleaned });
    }

    pub(crate) fn payments_taken(
        &mut self,
        clock: DateTime<Utc>,
        (idle, limit): (TimeDelta, usize),
        payments: &[UnsettledPayment],
    ) {
        self.deeds.push(Deed::TakePayments { clock, idle, limit, said: unsettled(payments) });
    }

    pub(crate) fn refunds_taken(
        &mut self,
        clock: DateTime<Utc>,
        (idle, limit): (TimeDelta, usize),
        refunds: &[UnsettledRefund],
    ) {
        self.deeds.push(Deed::TakeRefunds { clock, idle, limit, said: unsettled_refunds(refunds) });
    }

    pub(crate) fn pending(&mut self, after: Option<FlightId>, limit: usize, changes: &[PendingDisruption]) {
        self.deeds.push(Deed::Disruptions { after, limit, said: disruptions(changes) });
    }

    pub(crate) fn bookings_on<'a>(
        &mut self,
        flight: FlightId,
        bookings: impl IntoIterator<Item = &'a BookingId>,
    ) {
        self.deeds.push(Deed::BookingsOn { flight, said: bookings_in_order(bookings) });
    }

    pub(crate) fn followed(&mut self, change: PendingDisruption) {
        self.deeds.push(Deed::Followed(change));
    }

    pub(crate) fn payment_settled(&mut self, payment: PaymentId) {
        self.deeds.push(Deed::SettlePayment { payment });
    }

    pub(crate) fn refund_settled(&mut self, payment: PaymentId) {
        self.deeds.push(Deed::SettleRefund { payment });
    }
}

/// A flight's seats in words, in order.
pub(crate) fn seats_read(read: &SeatSnapshot) -> String {
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
pub(crate) fn booking_read(state: &BookingState) -> String {
    serde_json::to_string(state).map_or_else(|error| error.to_string(), |text| answer(200, &text))
}

/// What is known of a key, in words.
pub(crate) fn known(found: Option<&KnownKey>) -> String {
    match found {
        None => "free".to_owned(),
        Some(KnownKey::Running) => "running".to_owned(),
        Some(KnownKey::OtherBody) => "another body".to_owned(),
        Some(KnownKey::Answered(answer)) => format!("answered with {}", answer.status),
    }
}

/// Holds that have ended, in order.
pub(crate) fn holds_ended(ended: &[(BookingId, FlightId)]) -> Vec<String> {
    let mut lines: Vec<_> = ended.iter().map(|(booking, flight)| format!("{booking} {flight}")).collect();
    lines.sort();
    lines
}

/// Payments that were taken up, in order.
pub(crate) fn unsettled(taken: &[UnsettledPayment]) -> Vec<String> {
    let line = |one: &UnsettledPayment| {
        let (id, booking, flight) = (one.id, one.booking_id, one.flight_id);
        format!("{id} {booking} {:?} {} {:?} {flight} {}", one.state, one.amount, one.token, one.late)
    };
    let mut lines: Vec<_> = taken.iter().map(line).collect();
    lines.sort();
    lines
}

/// Refunds that were taken up, in order, by their payments: refunds draw their own ids.
pub(crate) fn unsettled_refunds(taken: &[UnsettledRefund]) -> Vec<String> {
    let mut lines: Vec<_> = taken.iter().map(|one| format!("{} {}", one.payment_id, one.amount)).collect();
    lines.sort();
    lines
}

/// Changes of flights, in order.
pub(crate) fn disruptions(changes: &[PendingDisruption]) -> Vec<String> {
    changes.iter().map(|one| format!("{} {} {}", one.flight, one.version, one.kind.code())).collect()
}

/// Bookings, in order.
pub(crate) fn bookings_in_order<'a>(bookings: impl IntoIterator<Item = &'a BookingId>) -> Vec<String> {
    let mut lines: Vec<_> = bookings.into_iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}
