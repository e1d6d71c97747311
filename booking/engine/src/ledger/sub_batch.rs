//! Sub-batches: commands that share a transaction, and what becomes of them when it fails. Decided without a
//! connection; the [processor](super::process) has that.

use crate::{
    booking::{record::Booking, seat_change::SeatChange},
    ledger::command::{Answer, Command, Envelope, LedgerError, Outcome},
    ports::FoundBooking,
    store_error::{StoreError, StoreFault},
};
use shared_types::{
    events::BookingStatus,
    ids::{BookingId, FlightId},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

/// How often a sub-batch of commands may lose its connection before it is given up.
const LOSSES: u32 = 2;

/// Commands that share a transaction.
pub struct SubBatch {
    pub envelopes: Vec<Envelope>,
    /// Whether it failed before as a whole.
    again: bool,
    losses: u32,
}

impl SubBatch {
    /// The sub_batches of a batch, the last one first: whoever was locked out comes after the others, apart.
    pub fn all(batch: Vec<Envelope>) -> Vec<Self> {
        let (late, fresh): (Vec<_>, Vec<_>) = batch.into_iter().partition(|envelope| envelope.lock_timed_out);
        let late = by_locks(late).into_values().map(Self::new);
        late.chain(std::iter::once(Self::new(fresh))).collect()
    }

    pub fn new(envelopes: Vec<Envelope>) -> Self {
        Self { envelopes, again: false, losses: 0 }
    }

    /// The commands that are not too late to be begun; the others are refused.
    pub fn in_time(mut self, now: Instant) -> Self {
        let (rest, late): (Vec<_>, Vec<_>) =
            self.envelopes.into_iter().partition(|envelope| envelope.deadline > now);
        late.into_iter().for_each(|envelope| envelope.answer(Err(LedgerError::Overloaded)));
        self.envelopes = rest;
        self
    }

    /// Gives all of them the same answer.
    pub fn answer(self, answer: &Answer) {
        self.envelopes.into_iter().for_each(|envelope| envelope.answer(answer.clone()));
    }

    /// Its transaction was rolled back; gives those that are to be tried in a later one.
    ///
    /// Whoever did not get its locks in time goes on apart from those who need others; who was apart
    /// already comes again later, until its deadline. It is a transaction of somebody else that is in its
    /// way: that must not keep the rest waiting. After another error all are tried once more, unless
    /// their data are at fault, then in halves; a single command that fails has failed by itself. A key that
    /// is in use is no fault of the data at first: somebody was faster, or what we believed was wrong.
    pub fn isolate_failure(mut self, sub_batches: &mut Vec<Self>, error: &StoreError) -> Vec<Envelope> {
        tracing::warn!(%error, ledger.commands = self.envelopes.len(), ledger.again = self.again, "A batch of the ledger failed");
        let fault = error.fault;
        if fault == StoreFault::LockTimeout {
            return self.set_apart(sub_batches);
        }
        if fault != StoreFault::Data && !self.again {
            sub_batches.push(Self { again: true, ..self });
        } else if self.envelopes.len() > 1 {
            let right = self.envelopes.split_off(self.envelopes.len() / 2);
            sub_batches.push(Self { envelopes: right, again: true, losses: self.losses });
            sub_batches.push(Self { again: true, ..self });
        } else {
            // All of ours lock in one order: it was with somebody else, and is no fault of the command. Nor is
            // what came just now.
            let raced = fault == StoreFault::Conflict;
            let answer = if raced { LedgerError::Overloaded } else { LedgerError::Internal };
            tracing::error!(%error, "A command of the ledger failed");
            self.answer(&Err(answer));
        }
        Vec::new()
    }

    /// Makes a sub-batch of those who need the same locks, for all of them; gives them back where they were
    /// one already.
    fn set_apart(self, sub_batches: &mut Vec<Self>) -> Vec<Envelope> {
        let mut groups = by_locks(self.envelopes);
        if groups.len() > 1 {
            sub_batches.extend(groups.into_values().map(|envelopes| Self {
                envelopes,
                again: true,
                losses: self.losses,
            }));
            return Vec::new();
        }
        let mut envelopes = groups.pop_first().map(|(_, envelopes)| envelopes).unwrap_or_default();
        envelopes.iter_mut().for_each(|envelope| envelope.lock_timed_out = true);
        envelopes
    }

    /// Its connection was lost, for good, and its bookings were read back (`None`: they could not be).
    /// Answers the commands that were committed, and tells of their bookings; the others are tried again,
    /// unless that was so often enough.
    pub fn resolve(
        self,
        found: Option<&HashMap<BookingId, FoundBooking>>,
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

/// Envelopes by the flights whose rows their commands lock, as far as that can be told beforehand.
fn by_locks(envelopes: Vec<Envelope>) -> BTreeMap<Vec<FlightId>, Vec<Envelope>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for envelope in envelopes {
        groups.entry(envelope.locks()).or_default().push(envelope);
    }
    groups
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
