//! Changes of bookings that exist, on their way through inventory and ledger.

use crate::{
    booking::{
        idempotency::Key,
        itinerary,
        lifecycle::BookingStage,
        name_correction::NameCorrection,
        record::{Booking, Flights},
        refusal::{FlightSeat, Refusal},
        seat_change::{self, SeatChange},
    },
    inventory::{assignment::Wish, seat_inventory::SeatRequest},
    ledger::{
        amendments::wanted_rows,
        command::{BookingRef, Command, Outcome},
    },
    passengers::contact::ContactPatch,
    payment::{quote::QuoteId, record::PaymentOrder},
    ports::{
        FlightInventory, FlightOffer, Ids, LedgerQueue, Payments, RequestContext, ReserveError, SubmitTerms,
    },
    sell::{
        outcome::{SalesAbort, SalesError, SalesOutcome, into_outcome},
        sales::{Sales, SalesDeps},
    },
};
use shared_types::{events::BookingAction, ids::FlightId};
use std::collections::BTreeMap;

impl<D: SalesDeps> Sales<D> {
    /// Pays a held booking.
    ///
    /// # Errors
    /// [`SalesError`].
    pub async fn pay(
        &self,
        (booking, at): (&Booking, BookingRef),
        payment: &PaymentOrder,
        key: Option<Key>,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        let run = async || {
            let Some(flight) = booking.flights().min() else {
                return Err(SalesAbort::Refused(Refusal::NotFound));
            };
            // First of all: a payment that the desk cannot take on must not be started.
            let admission = self.deps.payments().admit()?;
            let command = self.authored(Command::Pay { at, payment: payment.clone(), key: key.clone() });
            match self.deps.ledger().submit(flight, command, SubmitTerms::by(context.deadline)).await? {
                Outcome::Done(state) => Ok(self.charge(state, payment, flight, admission).await),
                outcome => Ok(outcome.into()),
            }
        };
        self.once(key.clone(), context, run).await
    }

    /// Cancels a booking, on a quote or by its fares.
    ///
    /// # Errors
    /// [`SalesError`].
    pub async fn cancel(
        &self,
        booking: &Booking,
        (at, quote): (BookingRef, Option<QuoteId>),
        key: Option<Key>,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        let run = async || {
            let outcome =
                self.amend(booking, Command::Cancel { at, quote, key: key.clone() }, context).await?;
            if let SalesOutcome::Done(state) = &outcome
                && !state.refunds.is_empty()
            {
                self.deps.payments().nudge();
            }
            Ok(outcome)
        };
        self.once(key.clone(), context, run).await
    }

    /// Quotes the refund of a cancellation.
    ///
    /// # Errors
    /// [`SalesError`].
    pub async fn quote(
        &self,
        booking: &Booking,
        at: BookingRef,
        key: Option<Key>,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        let quote = QuoteId(self.deps.ids().uuid());
        let command = Command::Quote { at, quote, key: key.clone() };
        self.once(key, context, async || Ok(self.amend(booking, command, context).await?)).await
    }

    /// Moves passengers to other seats: all of them or none. Refuses at once if the inventory knows that a wanted seat
    /// is taken. `stage`: the stage of the booking when it was read, by the database's clock. `exempt`: whether the
    /// limit on reserved seats does not apply.
    ///
    /// # Errors
    /// [`SalesError`].
    pub async fn change_seats(
        &self,
        (booking, stage): (&Booking, BookingStage),
        (at, changes): (BookingRef, Vec<SeatChange>),
        exempt: bool,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        // First of all: a booking that cannot be changed must not reserve seats.
        if let Err(refusal) = stage.allows(BookingAction::ChangeSeats) {
            return Ok(SalesOutcome::Refused(refusal));
        }
        into_outcome(self.try_seats(booking, (at, changes), exempt, context).await)
    }

    async fn try_seats(
        &self,
        booking: &Booking,
        (at, changes): (BookingRef, Vec<SeatChange>),
        exempt: bool,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesAbort> {
        let inventory = self.deps.inventory();
        let (mut offers, mut flights) = (BTreeMap::new(), Flights::new());
        for flight in booking.flights() {
            let offer = inventory.offer(flight, context).await?;
            flights.insert(flight, offer.flight().state);
            offers.insert(flight, offer);
        }
        let reseating = seat_change::check(booking, &changes, &flights).map_err(SalesAbort::Refused)?;
        // In the order of flight ids, like new bookings.
        let mut wanted: BTreeMap<FlightId, Vec<FlightSeat>> = BTreeMap::new();
        for seat in reseating.wanted {
            wanted.entry(seat.flight_id).or_default().push(seat);
        }
        let (mut reservations, mut refusals) = (Vec::with_capacity(wanted.len()), Vec::new());
        for (flight, seats) in wanted {
            let (Some(segment), Some(offer)) = (booking.segment_on(flight), offers.get(&flight)) else {
                return Err(SalesAbort::Refused(Refusal::NotFound));
            };
            match offer.reserve(&request(booking, segment, &seats, exempt), context).await {
                Ok((_, reservation)) => reservations.push(reservation),
                // The other flights are still asked: the refusal names all taken seats at once.
                Err(ReserveError::Refused(refusal)) => refusals.push(refusal),
                Err(error) if refusals.is_empty() => return Err(error.into()),
                Err(_) => break,
            }
        }
        if let Some(refusal) = itinerary::refusal(refusals) {
            return Err(SalesAbort::Refused(refusal));
        }
        let outcome = self.amend(booking, Command::ChangeSeats { at, changes }, context).await;
        if let Ok(SalesOutcome::Refused(Refusal::SeatTaken(lost))) = &outcome {
            lost.iter().for_each(|seat| inventory.invalidate(seat.flight_id));
        }
        drop(reservations);
        Ok(outcome?)
    }

    /// Changes the contact of a booking.
    ///
    /// # Errors
    /// [`SalesError`].
    pub async fn change_contact(
        &self,
        booking: &Booking,
        at: BookingRef,
        patch: ContactPatch,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        self.amend(booking, Command::ChangeContact { at, patch }, context).await
    }

    /// Corrects a passenger's name.
    ///
    /// # Errors
    /// [`SalesError`].
    pub async fn correct_name(
        &self,
        booking: &Booking,
        at: BookingRef,
        correction: NameCorrection,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        let wanted = wanted_rows(booking, &correction);
        self.amend(booking, Command::CorrectName { at, correction, wanted }, context).await
    }

    /// Has the ledger carry out a command about a booking.
    async fn amend(
        &self,
        booking: &Booking,
        command: Command,
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        let Some(flight) = booking.flights().min() else {
            return Ok(SalesOutcome::Refused(Refusal::NotFound));
        };
        let command = self.authored(command);
        let outcome = self.deps.ledger().submit(flight, command, SubmitTerms::by(context.deadline)).await?;
        Ok(outcome.into())
    }
}

/// The request for the wanted seats of a change on one flight. The rules for their passengers were checked before.
fn request(booking: &Booking, segment: usize, seats: &[FlightSeat], exempt: bool) -> SeatRequest {
    let wish =
        |seat: &FlightSeat| (0, Wish { named: Some(seat.designator), exit_allowed: true, child: false });
    SeatRequest {
        owner: booking.owner_id,
        exempt,
        segment,
        cabin: booking.segments[segment].cabin,
        fare: None,
        wishes: seats.iter().map(wish).collect(),
    }
}
