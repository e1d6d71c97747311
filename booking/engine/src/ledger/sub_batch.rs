//! Sub-batches: commands that share a transaction, and their fate when it fails. Nothing here needs a connection; the
//! [processor](super::process) has it.

use crate::{
    booking::{record::Booking, seat_change::SeatChange},
    ledger::command::{Command, Envelope, LedgerAnswer, LedgerError, Outcome},
    ports::LoadedBooking,
    store_error::{StoreError, StoreFault},
};
use shared_types::{
    error_chain::ErrorChain,
    events::BookingStatus,
    ids::{BookingId, FlightId},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

/// The most lost connections of a sub-batch. The next loss answers its commands with an error.
const LOSSES: u32 = 2;

/// Commands that share a transaction.
pub(crate) struct SubBatch {
    /// The commands.
    pub(crate) envelopes: Vec<Envelope>,
    /// Whether its transaction has failed before.
    retried: bool,
    /// The number of lost connections.
    losses: u32,
}

impl SubBatch {
    /// The sub-batches of a batch, the last one first. Commands that ran into the lock timeout come after the others,
    /// in sub-batches of their own.
    pub(crate) fn all(batch: Vec<Envelope>) -> Vec<Self> {
        let (late, fresh): (Vec<_>, Vec<_>) = batch.into_iter().partition(|envelope| envelope.lock_timed_out);
        let late = by_locks(late).into_values().map(Self::new);
        late.chain(std::iter::once(Self::new(fresh))).collect()
    }

    /// A sub-batch of these commands.
    pub(crate) fn new(envelopes: Vec<Envelope>) -> Self {
        Self { envelopes, retried: false, losses: 0 }
    }

    /// Keeps the commands whose deadline is after `now`, and refuses the others.
    pub(crate) fn in_time(mut self, now: Instant) -> Self {
        let (rest, late): (Vec<_>, Vec<_>) =
            self.envelopes.into_iter().partition(|envelope| envelope.deadline > now);
        late.into_iter().for_each(|envelope| envelope.answer(Err(LedgerError::Overloaded)));
        self.envelopes = rest;
        self
    }

    /// Gives all commands the same answer.
    pub(crate) fn answer(self, answer: &LedgerAnswer) {
        self.envelopes.into_iter().for_each(|envelope| envelope.answer(answer.clone()));
    }

    /// Decides about the commands after their transaction was rolled back. Pushes the sub-batches to try next. Gives
    /// the commands to try in a later batch.
    ///
    /// - After a lock timeout commands with different locks are separated. Commands that were separated already wait
    ///   for a later batch, until their deadline: a foreign transaction blocks them, and must not delay the rest.
    /// - After another error all commands are tried once more, unless their data are at fault.
    /// - If they fail again, they are tried in halves. A single command that fails gets an error.
    ///
    /// A violated unique constraint does not count as a fault of the data: another transaction was faster, or a cached
    /// row was stale.
    pub(crate) fn isolate_failure(
        mut self,
        sub_batches: &mut Vec<Self>,
        error: &StoreError,
    ) -> Vec<Envelope> {
        tracing::warn!(error = %ErrorChain(error), ledger.commands = self.envelopes.len(), ledger.retried = self.retried, "A batch of the ledger failed");
        let fault = error.fault;
        if fault == StoreFault::LockTimeout {
            return self.set_apart(sub_batches);
        }
        if fault != StoreFault::Data && !self.retried {
            sub_batches.push(Self { retried: true, ..self });
        } else if self.envelopes.len() > 1 {
            let right = self.envelopes.split_off(self.envelopes.len() / 2);
            sub_batches.push(Self { envelopes: right, retried: true, losses: self.losses });
            sub_batches.push(Self { retried: true, ..self });
        } else {
            // All ledgers lock in one order: the conflict is with a foreign transaction, and no fault of the command.
            let raced = fault == StoreFault::Conflict;
            let answer = if raced { LedgerError::Overloaded } else { LedgerError::Internal };
            tracing::error!(error = %ErrorChain(error), "A command of the ledger failed");
            self.answer(&Err(answer));
        }
        Vec::new()
    }

    /// Pushes a sub-batch for each group of commands with the same locks. If there is only one group, gives its
    /// commands back.
    fn set_apart(self, sub_batches: &mut Vec<Self>) -> Vec<Envelope> {
        let mut groups = by_locks(self.envelopes);
        if groups.len() > 1 {
            sub_batches.extend(groups.into_values().map(|envelopes| Self {
                envelopes,
                retried: true,
                losses: self.losses,
            }));
            return Vec::new();
        }
        let mut envelopes = groups.pop_first().map(|(_, envelopes)| envelopes).unwrap_or_default();
        envelopes.iter_mut().for_each(|envelope| envelope.lock_timed_out = true);
        envelopes
    }

    /// Decides about the commands after their connection was lost. `found`: their bookings, read back; `None`: they
    /// could not be read. Answers the committed commands, and calls `committed` with their bookings. Gives the others,
    /// to be retried; `None`: all commands were answered, because of the failed reading or too many losses.
    pub(crate) fn resolve(
        self,
        found: Option<&HashMap<BookingId, LoadedBooking>>,
        committed: impl Fn(&Booking),
    ) -> Option<Self> {
        let Some(found) = found.filter(|_| self.losses < LOSSES) else {
            // A caller with a key finds the outcome by it; the others in their list of bookings.
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
        Some(Self { envelopes: rest, retried: true, losses: self.losses + 1 })
    }
}

/// Groups commands by the flights whose rows they lock, as far as these are known beforehand.
fn by_locks(envelopes: Vec<Envelope>) -> BTreeMap<Vec<FlightId>, Vec<Envelope>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for envelope in envelopes {
        groups.entry(envelope.locks()).or_default().push(envelope);
    }
    groups
}

/// Whether a booking shows that a command was committed. A command without a trace of its own can be repeated: it
/// changes nothing a second time. But a repeated change that relies on a version would be refused because of its own
/// new version. Such a change counts as committed if a later version shows its effect. (If another command had the same
/// effect, the caller has what it wanted, too. If another command has undone it, the caller's version is stale.)
fn has_effect(command: &Command, booking: &Booking) -> bool {
    match command.plain() {
        Command::Claim(_) => true,
        Command::Pay { payment, .. } => booking.payments.iter().any(|one| one.id == payment.id),
        // Another caller may have cancelled. A command with a key is repeated, and the key gives the answer.
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
