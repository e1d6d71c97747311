//! What the ledger is asked to do, and what it answers.

use super::room::Place;
use crate::store::travellers::TravellerRow;
use booking_engine::{
    booking::{
        hold::{Allowance, HoldTime},
        idempotency::{Key, StoredAnswer},
        name_correction::NameCorrection,
        presentation::ShownBooking,
        record::Booking,
        refusal::Refusal,
        seat_change::SeatChange,
    },
    passengers::contact::ContactPatch,
    payment::{
        quote::{Quote, QuoteId},
        record::PaymentOrder,
    },
};
use shared::{
    ids::{BookingId, FlightId, PaymentId},
    money::Currency,
    trace::TraceContext,
};
use tokio::{sync::oneshot, time::Instant};

/// Seats for a new booking.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The booking as it is to be, with its seats and prices. Its id is the claim's id: by it a lost
    /// answer is found again. Locator, times and payment are set when it is written.
    pub(crate) booking: Booking,
    pub(crate) hold: HoldTime,
    /// The versions of the flights that it was priced from.
    pub(crate) priced_from: Vec<(FlightId, i64)>,
    /// To be paid at once: the claim also starts this payment.
    pub(crate) payment: Option<PaymentOrder>,
    pub(crate) key: Option<Key>,
    /// How many seats the account may hold.
    pub(crate) allowance: Allowance,
    /// Holds that have ended and were found in its way when it was tried before.
    pub(crate) stale: Vec<BookingId>,
}

/// A booking as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) booking: BookingId,
    /// Where it matters: any other version is refused as `Stale`.
    pub(crate) version: Option<i64>,
}

impl At {
    /// Whether the booking has changed since the version that the caller relies on.
    pub(super) fn is_before(self, booking: &Booking) -> bool {
        self.version.is_some_and(|version| version < booking.version)
    }
}

/// A command: a unit that has its whole effect, or none.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Claims the seats of a new booking.
    Claim(Box<Claim>),
    /// Starts a payment of a hold.
    Pay { at: At, payment: PaymentOrder, key: Option<Key> },
    /// Confirms a hold with an authorised payment.
    Confirm { booking: BookingId, payment: PaymentId },
    /// Notes that a payment did not come off; `void`: it came too late.
    Decline { booking: BookingId, payment: PaymentId, void: bool },
    /// Cancels a booking, perhaps on a quote.
    Cancel { at: At, quote: Option<QuoteId>, key: Option<Key> },
    /// Quotes what a cancellation would give back.
    Quote { at: At, quote: QuoteId, key: Option<Key> },
    /// Moves passengers to other seats.
    ChangeSeats { at: At, changes: Vec<SeatChange> },
    /// Changes how the travellers are reached.
    ChangeContact { at: At, patch: ContactPatch },
    /// Corrects a passenger's name.
    CorrectName {
        at: At,
        correction: NameCorrection,
        /// The places on flights under the corrected name, by the booking as it was read: holds that have
        /// ended there are ended for good with it.
        places: Vec<TravellerRow>,
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
    pub(crate) fn booking(&self) -> BookingId {
        match self {
            Self::Claim(claim) => claim.booking.id,
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

    /// Whether it ends a payment that is under way: money is reserved, and somebody waits.
    pub(crate) fn settles(&self) -> bool {
        matches!(self, Self::Confirm { .. } | Self::Decline { .. })
    }

    pub(super) fn claim(&self) -> Option<&Claim> {
        match self {
            Self::Claim(claim) => Some(claim),
            _ => None,
        }
    }

    /// The version of the booking that the caller relies on.
    pub(super) fn version(&self) -> Option<i64> {
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
    pub(super) fn seat_changes(&self) -> &[SeatChange] {
        match self {
            Self::ChangeSeats { changes, .. } => changes,
            _ => &[],
        }
    }

    /// Places of travellers that it wants beside those of a claim.
    pub(super) fn places(&self) -> &[TravellerRow] {
        match self {
            Self::CorrectName { places, .. } => places,
            _ => &[],
        }
    }

    pub(super) fn key(&self) -> Option<&Key> {
        match self {
            Self::Claim(claim) => claim.key.as_ref(),
            Self::Pay { key, .. } | Self::Cancel { key, .. } | Self::Quote { key, .. } => key.as_ref(),
            _ => None,
        }
    }
}

/// The answer to a command.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
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
pub(crate) enum LedgerError {
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
pub(crate) type Answer = Result<Outcome, LedgerError>;

/// A command on its way.
pub(crate) struct Envelope {
    pub(crate) command: Command,
    /// The flight in whose ledger it is: the lowest one of those it is about.
    pub(crate) flight: FlightId,
    /// Not begun after this: nobody waits any longer.
    pub(crate) deadline: Instant,
    /// The trace of the request behind it.
    pub(crate) trace: Option<TraceContext>,
    /// It did not get its locks in time, apart from those who need others.
    pub(crate) locked_out: bool,
    /// The place of a claim among those that wait.
    pub(crate) place: Option<Place>,
    pub(crate) reply: oneshot::Sender<Answer>,
}

impl Envelope {
    /// The flights whose rows it locks, as far as that can be told without its booking.
    pub(super) fn locks(&self) -> Vec<FlightId> {
        let Some(claim) = self.command.claim() else { return vec![self.flight] };
        let mut flights: Vec<_> = claim.booking.segments.iter().map(|segment| segment.flight_id).collect();
        flights.sort_unstable();
        flights
    }

    /// To be tried again, a claim after these holds have been ended for good. (What is in the way of other
    /// commands is looked for at the beginning of their batch.)
    pub(crate) fn again(mut self, stale: Vec<BookingId>) -> Self {
        match &mut self.command {
            Command::Claim(claim) => claim.stale = stale,
            _ => debug_assert!(stale.is_empty(), "only claims come upon holds that have ended"),
        }
        self
    }

    pub(crate) fn answer(self, answer: Answer) {
        // An error means that nobody waits any longer.
        let _ = self.reply.send(answer);
    }
}
