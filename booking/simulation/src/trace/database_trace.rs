//! The trace of a recorded run: each operation on the database, with what the model answered.

use crate::{
    database::PlannedAbort,
    trace::{
        command_words::verdict_in_words,
        read_words::{
            booking_in_words, bookings_in_words, disruptions_in_words, ended_holds_in_words, key_in_words,
            payments_in_words, refunds_in_words, seats_in_words,
        },
    },
};
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
pub(crate) struct TracedTransaction {
    /// The number of the ledger. Each ledger has a connection of its own.
    pub(crate) ledger: usize,
    pub(crate) commands: Vec<Command>,
    pub(crate) abort: Option<PlannedAbort>,
    /// The clock at each call.
    pub(crate) clocks: Vec<DateTime<Utc>>,
    /// The verdicts in words. `None`: the transaction failed before its decision.
    pub(crate) verdicts: Option<Vec<String>>,
    pub(crate) committed: bool,
    /// The ledger died before the transaction had its locks.
    pub(crate) abandoned: bool,
}

/// One operation on the database. `said`: what the model answered, in words.
#[derive(Debug, Clone)]
pub(crate) enum TracedOperation {
    Flight(Arc<FlightState>),
    /// A transaction begins, and goes as far as its locks.
    Begin(usize),
    /// The transaction gets its locks, and goes to its end.
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
    /// All refunds of the payment are settled.
    SettleRefund {
        payment: PaymentId,
    },
}

/// The operations of a run on the database, in their order.
#[derive(Debug, Default)]
pub(crate) struct DatabaseTrace {
    pub(crate) operations: Vec<TracedOperation>,
    pub(crate) transactions: Vec<TracedTransaction>,
    /// Committed events: kind, subject, version.
    pub(crate) events: Vec<String>,
}

impl DatabaseTrace {
    pub(crate) fn flight(&mut self, state: &Arc<FlightState>) {
        self.operations.push(TracedOperation::Flight(state.clone()));
    }

    /// A transaction begins; gives its number.
    pub(crate) fn begun(
        &mut self,
        ledger: usize,
        commands: Vec<Command>,
        abort: Option<PlannedAbort>,
    ) -> usize {
        let (clocks, verdicts) = (Vec::new(), None);
        self.transactions.push(TracedTransaction {
            ledger,
            commands,
            abort,
            clocks,
            verdicts,
            committed: false,
            abandoned: true,
        });
        let number = self.transactions.len() - 1;
        self.operations.push(TracedOperation::Begin(number));
        number
    }

    pub(crate) fn resumed(&mut self, number: usize) {
        self.operations.push(TracedOperation::Resume(number));
    }

    pub(crate) fn ended(
        &mut self,
        number: usize,
        clocks: &[DateTime<Utc>],
        verdicts: Option<&[Verdict]>,
        committed: bool,
    ) {
        let traced = &mut self.transactions[number];
        traced.clocks = clocks.to_vec();
        traced.verdicts = verdicts.map(|all| all.iter().map(verdict_in_words).collect());
        (traced.committed, traced.abandoned) = (committed, false);
    }

    pub(crate) fn read_seats(&mut self, flight: FlightId, clock: DateTime<Utc>, read: &SeatSnapshot) {
        self.operations.push(TracedOperation::ReadSeats { flight, clock, said: seats_in_words(read) });
    }

    pub(crate) fn read_booking(&mut self, clock: DateTime<Utc>, state: &BookingState) {
        self.operations.push(TracedOperation::ReadBooking {
            booking: state.id,
            clock,
            said: booking_in_words(state),
        });
    }

    pub(crate) fn found_key(&mut self, key: &Key, clock: DateTime<Utc>, found: Option<&KnownKey>) {
        self.operations.push(TracedOperation::FindKey { key: key.clone(), clock, said: key_in_words(found) });
    }

    pub(crate) fn ended_holds(
        &mut self,
        clock: DateTime<Utc>,
        limit: usize,
        ended: &[(BookingId, FlightId)],
        cleaned: Option<usize>,
    ) {
        let said = ended_holds_in_words(ended);
        self.operations.push(TracedOperation::EndedHolds { clock, limit, said, cleaned });
    }

    pub(crate) fn payments_taken(
        &mut self,
        clock: DateTime<Utc>,
        (idle, limit): (TimeDelta, usize),
        payments: &[UnsettledPayment],
    ) {
        self.operations.push(TracedOperation::TakePayments {
            clock,
            idle,
            limit,
            said: payments_in_words(payments),
        });
    }

    pub(crate) fn refunds_taken(
        &mut self,
        clock: DateTime<Utc>,
        (idle, limit): (TimeDelta, usize),
        refunds: &[UnsettledRefund],
    ) {
        self.operations.push(TracedOperation::TakeRefunds {
            clock,
            idle,
            limit,
            said: refunds_in_words(refunds),
        });
    }

    pub(crate) fn pending(&mut self, after: Option<FlightId>, limit: usize, changes: &[PendingDisruption]) {
        self.operations.push(TracedOperation::Disruptions {
            after,
            limit,
            said: disruptions_in_words(changes),
        });
    }

    pub(crate) fn bookings_on<'a>(
        &mut self,
        flight: FlightId,
        bookings: impl IntoIterator<Item = &'a BookingId>,
    ) {
        self.operations.push(TracedOperation::BookingsOn { flight, said: bookings_in_words(bookings) });
    }

    pub(crate) fn followed(&mut self, change: PendingDisruption) {
        self.operations.push(TracedOperation::Followed(change));
    }

    pub(crate) fn payment_settled(&mut self, payment: PaymentId) {
        self.operations.push(TracedOperation::SettlePayment { payment });
    }

    pub(crate) fn refund_settled(&mut self, payment: PaymentId) {
        self.operations.push(TracedOperation::SettleRefund { payment });
    }
}
