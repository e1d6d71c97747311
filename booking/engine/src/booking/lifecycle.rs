//! The life of a booking as a state machine.
//!
//! ```text
//!                 ┌─────────────── declined, voided ──────────────┐
//!                 v                                               │
//!             ┌────────┐  payment starts  ┌────────┐  confirm  ┌──┴────────┐
//!  claim ───> │  held  │ ───────────────> │ paying │ ────────> │ confirmed │
//!             └────────┘                  └────────┘           └───────────┘
//!               │    │ cancel                 │ by the airline      │ cancel
//!  end of the   │    v                        v                     v
//!  hold         │  cancelled <────────────────┴─────────────────────┘
//!               v
//!             expired
//! ```
//! "Paying" is a hold with a payment under way: it does not expire, and only the airline may change it. The payment
//! status runs beside the stage: awaiting -> processing -> paid -> (partly) refunded; a declined payment leads back to
//! awaiting. Each transition is a method here. It checks its conditions, or refuses with a code; a refusal changes
//! nothing. `now` is always the database's clock, read after the flights of the booking were locked.

use crate::{
    booking::{
        hold, itinerary,
        record::{Booking, RefundRecord},
        refusal::Refusal,
        ticket,
    },
    inventory::flight,
    passengers::contact::ContactPatch,
    payment::{
        quote::{Quote, QuoteId},
        record::{LedgerEntry, MOST_DECLINED, Payment, PaymentState, payment_entries, refund_entries},
        refund::{self, Refund, RefundBasis},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use shared_types::{
    events::{BookingAction, BookingPaymentStatus, BookingStatus, PaymentStatus},
    iata::AccountingCode,
    ids::{FlightId, PaymentId, RefundId},
};

/// The stage of a booking in its life at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingStage {
    /// Held and not paid.
    Held,
    /// Held, with a payment under way.
    Paying,
    /// Paid, with tickets.
    Confirmed,
    /// Cancelled by its traveller or by the airline.
    Cancelled,
    /// A hold that has ended without payment.
    Expired,
}

impl BookingStage {
    /// The stage of a booking that shows this status and payment status.
    pub fn of(status: BookingStatus, payment: BookingPaymentStatus) -> Self {
        match (status, payment) {
            (BookingStatus::Held, BookingPaymentStatus::Processing) => Self::Paying,
            (BookingStatus::Held, _) => Self::Held,
            (BookingStatus::Confirmed, _) => Self::Confirmed,
            (BookingStatus::Cancelled, _) => Self::Cancelled,
            (BookingStatus::Expired, _) => Self::Expired,
        }
    }

    /// Whether a caller may do this in this stage.
    ///
    /// # Errors
    /// The refusal that names the stage.
    pub fn allows(self, action: BookingAction) -> Result<(), Refusal> {
        match (self, action) {
            (Self::Held, _) => Ok(()),
            (Self::Paying, _) => Err(Refusal::PaymentInProgress),
            (Self::Confirmed, BookingAction::Pay) => Err(Refusal::AlreadyPaid),
            (Self::Confirmed, _) => Ok(()),
            (Self::Cancelled, _) => Err(Refusal::AlreadyCancelled),
            (Self::Expired, _) => Err(Refusal::HoldExpired),
        }
    }
}

/// The reasons that refunds show.
const BY_TRAVELLER: &str = "cancelled by the traveller";
const BY_AIRLINE: &str = "cancelled by the airline";

/// All actions of callers, in the order in which bookings show them.
const ACTIONS: [BookingAction; 5] = [
    BookingAction::Pay,
    BookingAction::Cancel,
    BookingAction::ChangeSeats,
    BookingAction::ChangeContact,
    BookingAction::ChangeNames,
];

impl Booking {
    /// Its stage at `now`.
    pub fn stage(&self, now: DateTime<Utc>) -> BookingStage {
        BookingStage::of(self.status_at(now), self.payment_status)
    }

    /// The actions that a caller may take now. `times`: departures and arrivals (UTC) of its flights in the order of
    /// travel.
    pub fn actions(
        &self,
        times: &[(DateTime<Utc>, DateTime<Utc>)],
        now: DateTime<Utc>,
    ) -> Vec<BookingAction> {
        let stage = self.stage(now);
        let is_open = |(departure, _): &(DateTime<Utc>, _)| flight::is_open(*departure, now);
        let are_open = || times.iter().all(is_open);
        let is_possible = || itinerary::is_possible(times.iter().copied());
        let in_time = |action: &BookingAction| match action {
            BookingAction::ChangeSeats => times.iter().any(is_open),
            BookingAction::ChangeNames => are_open(),
            BookingAction::Pay => are_open() && is_possible() && !self.is_declined_for_good(),
            BookingAction::Cancel | BookingAction::ChangeContact => true,
        };
        ACTIONS.into_iter().filter(|action| stage.allows(*action).is_ok()).filter(in_time).collect()
    }

    /// Records a change: raises the version.
    pub(crate) fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = now;
    }

    /// Whether it has reached the limit of declined payments.
    fn is_declined_for_good(&self) -> bool {
        let declined = |one: &&Payment| one.state.status() == PaymentStatus::Declined;
        self.payments.iter().filter(declined).count() >= MOST_DECLINED
    }

    /// Starts a payment, and prolongs the hold by `payment_grace` from now, or until the departure at most.
    ///
    /// # Errors
    /// The refusal of the stage; [`Refusal::TooManyDeclined`] after [`MOST_DECLINED`] declined payments.
    pub fn start_payment(
        &mut self,
        payment: Payment,
        (payment_grace, departs_at): (TimeDelta, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.stage(now).allows(BookingAction::Pay)?;
        if self.is_declined_for_good() {
            return Err(Refusal::TooManyDeclined(self.hold_expires_at - now));
        }
        self.payment_status = BookingPaymentStatus::Processing;
        self.hold_expires_at = hold::prolonged(self.hold_expires_at, now, payment_grace, departs_at);
        self.payments.push(payment);
        self.touch(now);
        Ok(())
    }

    /// The payment, while it is under way.
    fn started(&mut self, payment: PaymentId) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|one| one.id == payment && one.state == PaymentState::Started)
    }

    /// The number of passengers without a ticket.
    pub(crate) fn without_ticket(&self) -> usize {
        self.passengers.iter().filter(|one| one.ticket_number.is_none()).count()
    }

    /// Gives each passenger without a ticket a ticket number of this airline. The confirmation issues the ticket.
    pub(crate) fn draw_tickets(
        &mut self,
        airline: &AccountingCode,
        documents: &mut impl Iterator<Item = i64>,
    ) {
        let without = self.passengers.iter_mut().filter(|one| one.ticket_number.is_none());
        for (passenger, document) in without.zip(documents) {
            passenger.ticket_number = Some(ticket::number(airline, document));
        }
        assert_eq!(self.without_ticket(), 0, "one document each");
    }

    /// Confirms the booking with an authorised payment: issues the tickets, and gives the ledger entries.
    ///
    /// # Errors
    /// [`Refusal::HoldExpired`]: the authorisation comes too late.
    pub fn confirm(&mut self, payment: PaymentId, now: DateTime<Utc>) -> Result<Vec<LedgerEntry>, Refusal> {
        if self.stage(now) != BookingStage::Paying || hold::has_ended(self.hold_expires_at, now) {
            return Err(Refusal::HoldExpired);
        }
        let Some(started) = self.started(payment) else { return Err(Refusal::HoldExpired) };
        started.state = PaymentState::Confirmed;
        started.token = None;
        self.status = BookingStatus::Confirmed;
        self.payment_status = BookingPaymentStatus::Paid;
        self.confirmed_at = Some(now);
        self.touch(now);
        Ok(payment_entries(payment, self.fare(), self.taxes()))
    }

    /// Declines a payment under way: the provider has refused it, or (`void`) it came too late. The hold gets its
    /// former end back, or an earlier end if the airline has moved the journey's departure `departs_at` forward
    /// meanwhile. Gives whether anything changed.
    pub fn decline(
        &mut self,
        (payment, void): (PaymentId, bool),
        departs_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(started) = self.started(payment) else { return false };
        started.state = if void { PaymentState::Voided } else { PaymentState::Declined };
        started.token = None;
        let end = started.held_until.min(flight::closes_at(departs_at));
        if self.payment_status == BookingPaymentStatus::Processing {
            self.payment_status = BookingPaymentStatus::Awaiting;
            self.hold_expires_at = end;
        }
        self.touch(now);
        true
    }

    /// The refund of a cancellation at `now`; nothing for a booking that was never confirmed.
    pub(crate) fn refund_now(&self, journey: RefundBasis, now: DateTime<Utc>) -> Refund {
        let Some(bought_at) = self.confirmed_at else { return Refund::default() };
        let paid: Vec<_> = self.segments.iter().map(|segment| segment.paid()).collect();
        refund::on_cancellation(&paid, bought_at, journey, now)
    }

    /// Quotes the refund of a cancellation, good for a few minutes.
    ///
    /// # Errors
    /// The refusal of the stage.
    pub fn quote(&self, id: QuoteId, journey: RefundBasis, now: DateTime<Utc>) -> Result<Quote, Refusal> {
        self.stage(now).allows(BookingAction::Cancel)?;
        let refund = self.refund_now(journey, now);
        let paid = if self.confirmed_at.is_some() { self.total() } else { 0 };
        Ok(Quote::new(id, self, (refund, paid), journey.departs_at, now))
    }

    /// Cancels for the traveller, and gives the ledger entries of the refund. The refund is the quoted one; without a
    /// quote, the one that the fares allow now. It is everything if the airline has cancelled a flight, also after a
    /// lower quote.
    ///
    /// # Errors
    /// The refusal of the stage; [`Refusal::QuoteExpired`]: the quote is no longer good.
    pub fn cancel(
        &mut self,
        (quote, refund_id): (Option<&Quote>, RefundId),
        journey: RefundBasis,
        now: DateTime<Utc>,
    ) -> Result<Vec<LedgerEntry>, Refusal> {
        self.stage(now).allows(BookingAction::Cancel)?;
        let refund = match quote {
            Some(quote) if !quote.is_good_for(self, now) => return Err(Refusal::QuoteExpired),
            Some(quote) if !journey.is_cancelled => quote.refund,
            _ => self.refund_now(journey, now),
        };
        let reason = if journey.is_cancelled { BY_AIRLINE } else { BY_TRAVELLER };
        let entries = self.give_back((refund_id, refund), reason, now);
        self.status = BookingStatus::Cancelled;
        self.touch(now);
        Ok(entries)
    }

    /// Cancels because the airline has cancelled one of the flights. The refund is everything that was paid. A payment
    /// under way will be voided. Gives the ledger entries; `None`: the booking was not live.
    pub fn cancel_by_airline(&mut self, refund_id: RefundId, now: DateTime<Utc>) -> Option<Vec<LedgerEntry>> {
        if !matches!(self.stage(now), BookingStage::Held | BookingStage::Paying | BookingStage::Confirmed) {
            return None;
        }
        let all = Refund { fare: self.fare(), taxes: self.taxes() };
        let entries = self.give_back((refund_id, all), BY_AIRLINE, now);
        self.status = BookingStatus::Cancelled;
        self.touch(now);
        Some(entries)
    }

    /// Adds a refund of the confirmed payment, if there is any money to give back. Gives its ledger entries.
    fn give_back(
        &mut self,
        (id, refund): (RefundId, Refund),
        reason: &str,
        now: DateTime<Utc>,
    ) -> Vec<LedgerEntry> {
        let paid = |one: &&Payment| one.state == PaymentState::Confirmed;
        let Some(payment_id) = self.payments.iter().find(paid).map(|one| one.id) else { return Vec::new() };
        assert!(refund.total() <= self.total(), "never more than was paid");
        if refund.total() == 0 {
            return Vec::new();
        }
        let amount = refund.total();
        let reason = reason.to_owned();
        self.refunds.push(RefundRecord { id, payment_id, amount, reason, settled: false, created_at: now });
        self.payment_status = match amount == self.total() {
            true => BookingPaymentStatus::Refunded,
            false => BookingPaymentStatus::PartlyRefunded,
        };
        refund_entries(id, refund)
    }

    /// Records that a flight has other times since `version`. A hold gets the end of a hold for the journey with its
    /// new departure `departs_at`. Gives whether the booking did not know this version yet.
    pub fn reschedule(
        &mut self,
        (flight, version): (FlightId, i64),
        departs_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let stage = self.stage(now);
        if !matches!(stage, BookingStage::Held | BookingStage::Paying | BookingStage::Confirmed) {
            return false;
        }
        let outdated =
            self.segments.iter_mut().find(|one| one.flight_id == flight && one.flight_version < version);
        let Some(segment) = outdated else { return false };
        segment.flight_version = version;
        self.hold_expires_at = match stage {
            BookingStage::Held => self.hold_expires_at.min(flight::closes_at(departs_at)),
            BookingStage::Paying => self.hold_expires_at.min(departs_at),
            _ => self.hold_expires_at,
        };
        self.touch(now);
        true
    }

    /// Changes the contact. Gives whether anything changed.
    ///
    /// # Errors
    /// The refusal of the stage.
    pub fn change_contact(&mut self, patch: &ContactPatch, now: DateTime<Utc>) -> Result<bool, Refusal> {
        self.stage(now).allows(BookingAction::ChangeContact)?;
        let contact = patch.apply(&self.contact);
        if contact == self.contact {
            return Ok(false);
        }
        self.contact = contact;
        self.touch(now);
        Ok(true)
    }

    /// Expires a hold that has ended. Gives whether it was one.
    pub fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let ended = self.status == BookingStatus::Held && self.stage(now) == BookingStage::Expired;
        if ended {
            self.status = BookingStatus::Expired;
            self.touch(now);
        }
        ended
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
