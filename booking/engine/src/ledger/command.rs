//! What the ledger is asked to do, and what it answers.

use crate::{
    booking::{
        hold::{Allowance, HoldTime},
        idempotency::{Key, StoredAnswer},
        locator::Locator,
        name_correction::NameCorrection,
        presentation::ShownBooking,
        priced_order::PricedOrder,
        record::Booking,
        refusal::Refusal,
        seat_change::SeatChange,
    },
    ledger::{
        admission::QueueSlot,
        rows::{SeatRow, TravellerRow, Travellers, seat_rows_of},
    },
    passengers::contact::ContactPatch,
    payment::{
        quote::{Quote, QuoteId},
        record::PaymentOrder,
    },
};
use shared_types::{
    ids::{BookingId, FlightId, PaymentId},
    money::Currency,
    trace::TraceContext,
};
use std::time::Instant;
use tokio::sync::oneshot;

/// Seats for a new booking.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The id of the booking that it is to become: by it a lost answer is found again.
    pub id: BookingId,
    /// The record locator, unless a booking has it.
    pub locator: Locator,
    /// What is ordered, with seats and prices.
    pub order: PricedOrder,
    pub hold: HoldTime,
    /// The versions of the flights that it was priced from.
    pub priced_from: Vec<(FlightId, i64)>,
    /// To be paid at once: the claim also starts this payment.
    pub payment: Option<PaymentOrder>,
    pub key: Option<Key>,
    /// How many seats the account may hold.
    pub allowance: Allowance,
    /// Holds that have ended and were found in its way when it was tried before.
    pub stale: Vec<BookingId>,
}

impl Claim {
    /// The rows of its seats.
    pub fn seats(&self) -> impl Iterator<Item = SeatRow> + '_ {
        seat_rows_of(self.id, self.order.seats(), false)
    }

    /// Whose travellers its rows are of.
    pub fn travellers(&self) -> Travellers<'_> {
        let PricedOrder { owner, segments, passengers, .. } = &self.order;
        Travellers { booking: self.id, owner: *owner, segments, passengers }
    }
}

/// A booking as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingRef {
    pub booking: BookingId,
    /// Where it matters: any other version is refused as `Stale`.
    pub version: Option<i64>,
}

impl BookingRef {
    /// Whether the booking has changed since the version that the caller relies on.
    pub fn is_before(self, booking: &Booking) -> bool {
        self.version.is_some_and(|version| version < booking.version)
    }
}

/// A command: a unit that has its whole effect, or none.
#[derive(Debug, Clone)]
pub enum Command {
    /// Claims the seats of a new booking.
    Claim(Box<Claim>),
    /// Starts a payment of a hold.
    Pay { at: BookingRef, payment: PaymentOrder, key: Option<Key> },
    /// Confirms a hold with an authorised payment.
    Confirm { booking: BookingId, payment: PaymentId },
    /// Notes that a payment did not come off; `void`: it came too late.
    Decline { booking: BookingId, payment: PaymentId, void: bool },
    /// Cancels a booking, perhaps on a quote.
    Cancel { at: BookingRef, quote: Option<QuoteId>, key: Option<Key> },
    /// Quotes what a cancellation would give back.
    Quote { at: BookingRef, quote: QuoteId, key: Option<Key> },
    /// Moves passengers to other seats.
    ChangeSeats { at: BookingRef, changes: Vec<SeatChange> },
    /// Changes how the travellers are reached.
    ChangeContact { at: BookingRef, patch: ContactPatch },
    /// Corrects a passenger's name.
    CorrectName {
        at: BookingRef,
        correction: NameCorrection,
        /// The rows under the corrected name, by the booking as it was read: holds whose time is over there are
        /// expired with it.
        wanted: Vec<TravellerRow>,
    },
    /// The airline has cancelled one of the booking's flights.
    CancelByAirline { booking: BookingId, flight: FlightId },
    /// One of the booking's flights has other times since this version.
    Reschedule { booking: BookingId, flight: FlightId, version: i64 },
    /// Ends a hold whose time is over.
    Expire { booking: BookingId },
}

impl Command {
    /// The booking that it is about.
    pub fn booking(&self) -> BookingId {
        match self {
            Self::Claim(claim) => claim.id,
            Self::Pay { at, .. }
            | Self::Cancel { at, .. }
            | Self::Quote { at, .. }
            | Self::ChangeSeats { at, .. }
            | Self::ChangeContact { at, .. }
            | Self::CorrectName { at, .. } => at.booking,
            Self::Confirm { booking, .. }
            | Self::Decline { booking, .. }
            | Self::CancelByAirline { booking, .. }
            | Self::Reschedule { booking, .. }
            | Self::Expire { booking } => *booking,
        }
    }

    /// Whether it ends a payment that is under way: money is reserved, and a traveller waits.
    pub fn ends_payment(&self) -> bool {
        matches!(self, Self::Confirm { .. } | Self::Decline { .. })
    }

    pub fn claim(&self) -> Option<&Claim> {
        match self {
            Self::Claim(claim) => Some(claim),
            _ => None,
        }
    }

    /// The version of the booking that the caller relies on.
    pub fn version(&self) -> Option<i64> {
        match self {
            Self::Pay { at, .. }
            | Self::Cancel { at, .. }
            | Self::Quote { at, .. }
            | Self::ChangeSeats { at, .. }
            | Self::ChangeContact { at, .. }
            | Self::CorrectName { at, .. } => at.version,
            _ => None,
        }
    }

    /// Changes of seats that it asks for.
    pub fn seat_changes(&self) -> &[SeatChange] {
        match self {
            Self::ChangeSeats { changes, .. } => changes,
            _ => &[],
        }
    }

    /// Rows of travellers that a correction of a name wants.
    pub fn wanted_travellers(&self) -> &[TravellerRow] {
        match self {
            Self::CorrectName { wanted, .. } => wanted,
            _ => &[],
        }
    }

    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Claim(claim) => claim.key.as_ref(),
            Self::Pay { key, .. } | Self::Cancel { key, .. } | Self::Quote { key, .. } => key.as_ref(),
            _ => None,
        }
    }
}

/// The answer to a command.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is committed; the booking after it.
    Done(ShownBooking),
    /// A cancellation was quoted.
    Quoted(Quote, Currency),
    /// The key has this answer from before.
    Replay(StoredAnswer),
    /// It had no effect.
    Refused(Refusal),
}

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// More waits than can be done in time. Nothing was done.
    #[error("the ledger has more to do than it can")]
    Overloaded,
    /// The database is not there.
    #[error("the ledger cannot reach the database")]
    Unavailable,
    /// A fault of ours, which was logged.
    #[error("the ledger could not carry out a command")]
    Internal,
}

/// The answer to a command, or why there is none.
pub type Answer = Result<Outcome, LedgerError>;

/// A command on its way.
pub struct Envelope {
    pub command: Command,
    /// The flight in whose ledger it is: the lowest one of those it is about.
    pub flight: FlightId,
    /// Not begun after this: nobody waits any longer.
    pub deadline: Instant,
    /// The trace of the request behind it.
    pub trace: Option<TraceContext>,
    /// It did not get its locks in time, apart from those who need others.
    pub lock_timed_out: bool,
    /// The slot of a claim among those that wait for the ledgers.
    pub slot: Option<QueueSlot>,
    pub reply: oneshot::Sender<Answer>,
}

impl Envelope {
    /// The flights whose rows it locks, as far as that can be told without its booking.
    pub fn locks(&self) -> Vec<FlightId> {
        let Some(claim) = self.command.claim() else { return vec![self.flight] };
        let mut flights: Vec<_> = claim.order.flights().collect();
        flights.sort_unstable();
        flights
    }

    /// To be tried again, a claim after these holds were expired. (What is in the way of other commands is looked for at
    /// the beginning of their batch.)
    pub fn to_retry(mut self, stale: Vec<BookingId>) -> Self {
        match &mut self.command {
            Command::Claim(claim) => claim.stale = stale,
            _ => debug_assert!(stale.is_empty(), "only claims come upon holds that have ended"),
        }
        self
    }

    pub fn answer(self, answer: Answer) {
        // An error means that nobody waits any longer.
        let _ = self.reply.send(answer);
    }
}
