//! Lots: commands that share a transaction, and what becomes of them when it fails. Decided without a
//! connection; the [runner](super::runner) has that.

use super::command::{Answer, Command, Envelope, LedgerError, Outcome};
use crate::domain::{booking::Booking, seat_change::SeatChange};
use diesel::result::{DatabaseErrorKind, Error};
use shared::{
    events::{BookingState, BookingStatus},
    ids::BookingId,
};
use std::collections::HashMap;
use tokio::time::Instant;

/// How often a lot of commands may lose its connection before it is given up.
const LOSSES: u32 = 2;

/// A booking that was read back, as it is stored and as it is shown.
pub(crate) type Found = (Booking, Box<BookingState>);

/// Commands that share a transaction.
pub(crate) struct Lot {
    pub(crate) envelopes: Vec<Envelope>,
    /// Whether it failed before as a whole.
    again: bool,
    losses: u32,
}

impl Lot {
    pub(crate) fn new(envelopes: Vec<Envelope>) -> Self {
        Self { envelopes, again: false, losses: 0 }
    }

    /// The commands that are not too late to be begun; the others are refused.
    pub(crate) fn in_time(mut self, now: Instant) -> Self {
        let (rest, late): (Vec<_>, Vec<_>) =
            self.envelopes.into_iter().partition(|envelope| envelope.deadline > now);
        late.into_iter().for_each(|envelope| envelope.answer(Err(LedgerError::Overloaded)));
        self.envelopes = rest;
        self
    }

    /// Gives all of them the same answer.
    pub(crate) fn answer(self, answer: &Answer) {
        self.envelopes.into_iter().for_each(|envelope| envelope.answer(answer.clone()));
    }

    /// Its transaction was rolled back: it is tried once more, unless its data are at fault, then in
    /// halves; a single command that fails has failed by itself.
    pub(crate) fn split(mut self, lots: &mut Vec<Self>, error: &Error) {
        let data = matches!(
            error,
            Error::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::CheckViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::ForeignKeyViolation,
                _
            ) | Error::SerializationError(_)
                | Error::DeserializationError(_)
        );
        tracing::warn!(%error, ledger.commands = self.envelopes.len(), ledger.again = self.again, "A batch of the ledger failed");
        if !data && !self.again {
            lots.push(Self { again: true, ..self });
        } else if self.envelopes.len() > 1 {
            let right = self.envelopes.split_off(self.envelopes.len() / 2);
            lots.push(Self { envelopes: right, again: true, losses: self.losses });
            lots.push(Self { again: true, ..self });
        } else {
            // Locked out for too long is no fault of the command.
            let busy = error.to_string().contains("lock timeout") || error.to_string().contains("deadlock");
            let answer = if busy { LedgerError::Overloaded } else { LedgerError::Internal };
            tracing::error!(%error, "A command of the ledger failed");
            self.answer(&Err(answer));
        }
    }

    /// Its connection was lost, for good, and its bookings were read back (`None`: they could not be).
    /// Answers the commands that were committed, and tells of their bookings; the others are tried again,
    /// unless that was so often enough.
    pub(crate) fn resolve(
        self,
        found: Option<&HashMap<BookingId, Found>>,
        committed: impl Fn(&Booking),
    ) -> Option<Self> {
        let Some(found) = found.filter(|_| self.losses < LOSSES) else {
            // Whoever has a key finds out by it; the others by their list of bookings.
            self.answer(&Err(LedgerError::Unavailable));
            return None;
        };
        let mut rest = Vec::new();
        for envelope in self.envelopes {
            let found = found.get(&envelope.command.booking());
            match found.filter(|(booking, _)| has_effect(&envelope.command, booking)) {
                Some((booking, state)) => {
                    committed(booking);
                    envelope.answer(Ok(Outcome::Done(state.clone())));
                }
                None => rest.push(envelope),
            }
        }
        Some(Self { envelopes: rest, again: true, losses: self.losses + 1 })
    }
}

/// Whether a booking shows that a command was committed. What has no trace of its own can be repeated: it
/// changes nothing a second time. But a change that relies on a version would then meet its own new one: it is
/// known by a later version that is as it was to be. (Where another has asked for the very same, it is as
/// the caller wants it, too. Where another has undone it meanwhile, the caller's copy is stale by now.)
fn has_effect(command: &Command, booking: &Booking) -> bool {
    match command {
        Command::Claim(_) => true,
        Command::Pay { payment, .. } => booking.payments.iter().any(|one| one.id == payment.id),
        // It may be another who has cancelled: with a key it is repeated, and the key tells.
        Command::Cancel { key, .. } => key.is_none() && booking.status == BookingStatus::Cancelled,
        Command::ChangeSeats { at, changes } => {
            at.is_before(booking) && changes.iter().all(|one| has_seat(booking, one))
        }
        Command::ChangeContact { at, patch } => {
            at.is_before(booking) && patch.apply(&booking.contact) == booking.contact
        }
        Command::CorrectName { at, correction, .. } => at.is_before(booking) && correction.is_made(booking),
        _ => false,
    }
}

fn has_seat(booking: &Booking, change: &SeatChange) -> bool {
    let passenger = booking.passengers.iter().find(|one| one.id == change.passenger);
    let segment = booking.segment_on(change.flight);
    let seat = passenger.zip(segment).and_then(|(passenger, segment)| *passenger.seats.get(segment)?);
    seat == Some(change.seat)
}
