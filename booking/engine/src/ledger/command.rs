//! Commands of the ledger, and their answers.

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
        admission::{AdmissionControl, QueueSlot},
        rows::{SeatRow, TravellerRow, Travellers, seat_rows_of},
        staff::StaffAuthor,
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
use std::{sync::Arc, time::Instant};
use tokio::sync::oneshot;

/// A request for the seats of a new booking.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The identifier of the booking. It finds the result of a claim whose answer was lost.
    pub id: BookingId,
    /// The wanted record locator. The ledger draws another one if a booking has it already.
    pub locator: Locator,
    /// The order, with seats and prices.
    pub order: PricedOrder,
    /// The duration of the hold.
    pub hold: HoldTime,
    /// The flights with the versions that the prices were computed from.
    pub priced_from: Vec<(FlightId, i64)>,
    /// The payment that the claim starts, too; `None`: the booking is only held.
    pub payment: Option<PaymentOrder>,
    /// The idempotency key of the request.
    pub key: Option<Key>,
    /// The limit on held seats of the account.
    pub allowance: Allowance,
    /// Holds that have ended and blocked an earlier try of the claim. The ledger expires them first.
    pub stale: Vec<BookingId>,
}

impl Claim {
    /// The rows of its seats.
    pub fn seats(&self) -> impl Iterator<Item = SeatRow> + '_ {
        seat_rows_of(self.id, self.order.seats(), false)
    }

    /// The travellers, to build their rows.
    pub fn travellers(&self) -> Travellers<'_> {
        let PricedOrder { owner, segments, passengers, .. } = &self.order;
        Travellers { booking: self.id, owner: *owner, segments, passengers }
    }
}

/// A booking as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingRef {
    /// The booking.
    pub booking: BookingId,
    /// The version that the caller relies on: with any other version the command is refused as `Stale`. `None`: any
    /// version will do.
    pub version: Option<i64>,
}

impl BookingRef {
    /// Whether the booking has a later version than the caller relies on.
    pub fn is_before(self, booking: &Booking) -> bool {
        self.version.is_some_and(|version| version < booking.version)
    }
}

/// A command to the ledger. It has its whole effect, or none.
#[derive(Debug, Clone)]
pub enum Command {
    /// Claims the seats of a new booking.
    Claim(Box<Claim>),
    /// Starts a payment of a hold.
    Pay {
        /// The hold.
        at: BookingRef,
        /// The payment to start.
        payment: PaymentOrder,
        /// The idempotency key of the request.
        key: Option<Key>,
    },
    /// Confirms a hold with an authorised payment.
    Confirm {
        /// The booking.
        booking: BookingId,
        /// The authorised payment.
        payment: PaymentId,
    },
    /// Declines a payment.
    Decline {
        /// The booking.
        booking: BookingId,
        /// The payment.
        payment: PaymentId,
        /// Whether it came too late, and has to be voided; else the provider has refused it.
        void: bool,
    },
    /// Cancels a booking, perhaps on a quote.
    Cancel {
        /// The booking.
        at: BookingRef,
        /// The quote that the caller relies on; `None`: the fares decide about the refund.
        quote: Option<QuoteId>,
        /// The idempotency key of the request.
        key: Option<Key>,
    },
    /// Quotes the refund of a cancellation.
    Quote {
        /// The booking.
        at: BookingRef,
        /// The identifier that the quote gets.
        quote: QuoteId,
        /// The idempotency key of the request.
        key: Option<Key>,
    },
    /// Moves passengers to other seats.
    ChangeSeats {
        /// The booking.
        at: BookingRef,
        /// The moves, of which all are made or none.
        changes: Vec<SeatChange>,
    },
    /// Changes the contact.
    ChangeContact {
        /// The booking.
        at: BookingRef,
        /// The change.
        patch: ContactPatch,
    },
    /// Corrects a passenger's name.
    CorrectName {
        /// The booking.
        at: BookingRef,
        /// The correction.
        correction: NameCorrection,
        /// The rows under the corrected name, by an earlier reading of the booking. The batch expires ended holds that
        /// occupy them.
        wanted: Vec<TravellerRow>,
    },
    /// The airline has cancelled one of the booking's flights.
    CancelByAirline {
        /// The booking.
        booking: BookingId,
        /// The cancelled flight.
        flight: FlightId,
    },
    /// One of the booking's flights has new times.
    Reschedule {
        /// The booking.
        booking: BookingId,
        /// The flight.
        flight: FlightId,
        /// The version of the flight's state that brought the new times.
        version: i64,
    },
    /// Expires a hold that has ended.
    Expire {
        /// The booking.
        booking: BookingId,
    },
    /// A member of staff gives a command about another's booking: its effect is recorded for the audit log.
    ByStaff {
        /// The member of staff.
        author: Arc<StaffAuthor>,
        /// The command itself.
        command: Box<Command>,
    },
}

impl Command {
    /// The command itself, whoever gives it.
    pub fn plain(&self) -> &Command {
        match self {
            Self::ByStaff { command, .. } => command.plain(),
            command => command,
        }
    }

    /// The member of staff who gives it; `None`: the command is not recorded.
    pub fn author(&self) -> Option<&StaffAuthor> {
        match self {
            Self::ByStaff { author, .. } => Some(author),
            _ => None,
        }
    }

    /// What the audit log calls a command that staff give; `None` for commands that nobody gives.
    pub(crate) fn audited_action(&self) -> Option<&'static str> {
        match self.plain() {
            Self::Pay { .. } => Some("booking.pay"),
            Self::Cancel { .. } => Some("booking.cancel"),
            Self::ChangeSeats { .. } => Some("booking.change_seats"),
            Self::ChangeContact { .. } => Some("booking.change_contact"),
            Self::CorrectName { .. } => Some("booking.correct_name"),
            _ => None,
        }
    }

    /// The booking of the command.
    pub fn booking(&self) -> BookingId {
        match self {
            Self::ByStaff { command, .. } => command.booking(),
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

    /// Whether it ends a payment under way: money is reserved, and a traveller waits.
    pub fn ends_payment(&self) -> bool {
        matches!(self.plain(), Self::Confirm { .. } | Self::Decline { .. })
    }

    /// The claim; `None`: it is another command.
    pub fn claim(&self) -> Option<&Claim> {
        match self.plain() {
            Self::Claim(claim) => Some(claim),
            _ => None,
        }
    }

    /// The version of the booking that the caller relies on; `None`: any version will do.
    pub fn version(&self) -> Option<i64> {
        match self.plain() {
            Self::Pay { at, .. }
            | Self::Cancel { at, .. }
            | Self::Quote { at, .. }
            | Self::ChangeSeats { at, .. }
            | Self::ChangeContact { at, .. }
            | Self::CorrectName { at, .. } => at.version,
            _ => None,
        }
    }

    /// The requested changes of seats; empty for other commands.
    pub fn seat_changes(&self) -> &[SeatChange] {
        match self.plain() {
            Self::ChangeSeats { changes, .. } => changes,
            _ => &[],
        }
    }

    /// The rows of travellers that a correction of a name wants; empty for other commands.
    pub fn wanted_travellers(&self) -> &[TravellerRow] {
        match self.plain() {
            Self::CorrectName { wanted, .. } => wanted,
            _ => &[],
        }
    }

    /// The idempotency key of its request; `None`: it has none.
    pub fn key(&self) -> Option<&Key> {
        match self.plain() {
            Self::Claim(claim) => claim.key.as_ref(),
            Self::Pay { key, .. } | Self::Cancel { key, .. } | Self::Quote { key, .. } => key.as_ref(),
            _ => None,
        }
    }
}

/// The answer to a command.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The command is committed. Carries the booking after it.
    Done(ShownBooking),
    /// A cancellation was quoted, in this currency.
    Quoted(Quote, Currency),
    /// An earlier request under the key had this answer.
    Replay(StoredAnswer),
    /// The command had no effect.
    Refused(Refusal),
}

/// The reason why a command has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The queue is too long. Nothing was done.
    #[error("the ledger has more to do than it can")]
    Overloaded,
    /// The database is not reachable, or the outcome is unknown: the command may have been committed.
    #[error("the ledger cannot reach the database")]
    Unavailable,
    /// A fault of this service, which was logged.
    #[error("the ledger could not carry out a command")]
    Internal,
}

/// The answer to a command.
pub type LedgerAnswer = Result<Outcome, LedgerError>;

/// A command on its way through a ledger.
pub struct Envelope {
    /// The command.
    pub command: Command,
    /// The flight whose ledger has the command: the lowest one of the command's flights.
    pub flight: FlightId,
    /// The ledger does not begin the command after this instant (monotonic clock): its caller no longer waits.
    pub deadline: Instant,
    /// The trace of its request; `None`: the request has none.
    pub trace: Option<TraceContext>,
    /// Whether it ran into the lock timeout in a sub-batch whose commands all need the same locks.
    pub lock_timed_out: bool,
    /// The queue slot of a claim, until its batch begins.
    pub slot: Option<QueueSlot>,
    /// The way of the answer to the caller.
    pub reply: oneshot::Sender<LedgerAnswer>,
}

impl Envelope {
    /// A submitted command, and the way of its answer. A claim without a slot (another attempt, or a caller that was not
    /// admitted) takes one even beyond the limit: admission control counts all claims.
    pub fn new(
        (flight, command): (FlightId, Command),
        (deadline, slot): (Instant, Option<QueueSlot>),
        admission: &AdmissionControl,
        trace: Option<TraceContext>,
    ) -> (Self, oneshot::Receiver<LedgerAnswer>) {
        let (reply, answer) = oneshot::channel();
        let slot = command.claim().map(|_| slot.unwrap_or_else(|| admission.admit_always()));
        (Self { command, flight, deadline, trace, lock_timed_out: false, slot, reply }, answer)
    }

    /// The flights whose rows it locks, as far as they are known without reading its booking.
    pub fn locks(&self) -> Vec<FlightId> {
        let Some(claim) = self.command.claim() else { return vec![self.flight] };
        let mut flights: Vec<_> = claim.order.flights().collect();
        flights.sort_unstable();
        flights
    }

    /// Prepares another try. A claim has these ended holds expired first. (For other commands the batch looks for ended
    /// holds at its beginning.)
    pub fn to_retry(mut self, stale: Vec<BookingId>) -> Self {
        match &mut self.command {
            Command::Claim(claim) => claim.stale = stale,
            _ => assert!(stale.is_empty(), "only claims come upon holds that have ended"),
        }
        self
    }

    /// Answers the caller, unless it no longer waits.
    pub fn answer(self, answer: LedgerAnswer) {
        // An error means that the caller no longer waits.
        let _ = self.reply.send(answer);
    }
}
