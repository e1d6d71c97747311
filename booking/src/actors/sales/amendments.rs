//! Changes of bookings on their way through allocators and ledger.

use super::{
    Sales,
    outcome::{SalesError, Sold, Stop, settle},
};
use crate::{
    actors::{
        allocator::NotReserved,
        ledger::{At, Command, Outcome, places_wanted},
    },
    deadline,
};
use booking_engine::{
    booking::{
        idempotency::Key,
        itinerary,
        lifecycle::Stage,
        name_correction::NameCorrection,
        record::{Booking, Flights},
        refusal::{FlightSeat, Refusal},
        seat_change::{self, SeatChange},
    },
    inventory::{assignment::Wish, seat_inventory::Wanted},
    passengers::contact::ContactPatch,
    payment::quote::QuoteId,
};
use shared::{events::BookingAction, ids::FlightId};
use std::collections::BTreeMap;

impl Sales {
    /// Moves passengers to other seats, all of them or nobody. Refused at once where an allocator knows
    /// that a wanted seat is taken. `stage`: as the booking was read, by the database's clock. `exempt`: free
    /// of the limit of marked seats.
    pub(crate) async fn change_seats(
        &self,
        (booking, stage): (&Booking, Stage),
        (at, changes): (At, Vec<SeatChange>),
        exempt: bool,
    ) -> Result<Sold, SalesError> {
        // Before any seat is marked: of a booking that cannot be changed nobody has seats kept from others.
        if let Err(refusal) = stage.allows(BookingAction::ChangeSeats) {
            return Ok(Sold::Refused(refusal));
        }
        settle(self.try_seats(booking, (at, changes), exempt).await)
    }

    async fn try_seats(
        &self,
        booking: &Booking,
        (at, changes): (At, Vec<SeatChange>),
        exempt: bool,
    ) -> Result<Sold, Stop> {
        let flights = self.flights_of(booking).await?;
        let reseating = seat_change::check(booking, &changes, &flights).map_err(Stop::Refused)?;
        let deadline = deadline::of_request(self.patience);
        // In the order of flight ids, like those who make bookings.
        let mut wanted: BTreeMap<FlightId, Vec<FlightSeat>> = BTreeMap::new();
        for seat in reseating.wanted {
            wanted.entry(seat.flight_id).or_default().push(seat);
        }
        let (mut marks, mut refusals) = (Vec::with_capacity(wanted.len()), Vec::new());
        for (flight, seats) in wanted {
            let Some(segment) = booking.segment_on(flight) else {
                return Err(Stop::Refused(Refusal::NotFound));
            };
            // Whether they may sit there was checked above.
            let wish = |seat: &FlightSeat| {
                (0, Wish { named: Some(seat.designator), exit_allowed: true, child: false })
            };
            let wanted = Wanted {
                owner: booking.owner_id,
                exempt,
                segment,
                cabin: booking.segments[segment].cabin,
                fare: None,
                wishes: seats.iter().map(wish).collect(),
            };
            match self.directory.reserve(flight, &wanted, deadline).await {
                Ok((_, mark)) => marks.push(mark),
                // The others are still asked: all that is taken is told at once.
                Err(NotReserved::Refused(refusal)) => refusals.push(refusal),
                Err(error) if refusals.is_empty() => return Err(error.into()),
                Err(_) => break,
            }
        }
        if let Some(refusal) = itinerary::refusal(refusals) {
            return Err(Stop::Refused(refusal));
        }
        let outcome = self.amend(booking, Command::ChangeSeats { at, changes }).await;
        if let Ok(Sold::Refused(Refusal::SeatTaken(lost))) = &outcome {
            lost.iter().for_each(|seat| self.directory.seats_unknown(seat.flight_id));
        }
        drop(marks);
        Ok(outcome?)
    }

    async fn flights_of(&self, booking: &Booking) -> Result<Flights, Stop> {
        let mut flights = Flights::new();
        for segment in &booking.segments {
            let flight = self.directory.flight(segment.flight_id).await?;
            flights.insert(segment.flight_id, flight.state);
        }
        Ok(flights)
    }

    /// Changes how the travellers are reached.
    pub(crate) async fn change_contact(
        &self,
        booking: &Booking,
        at: At,
        patch: ContactPatch,
    ) -> Result<Sold, SalesError> {
        self.amend(booking, Command::ChangeContact { at, patch }).await
    }

    /// Corrects a passenger's name.
    pub(crate) async fn correct_name(
        &self,
        booking: &Booking,
        at: At,
        correction: NameCorrection,
    ) -> Result<Sold, SalesError> {
        let places = places_wanted(booking, &correction);
        self.amend(booking, Command::CorrectName { at, correction, places }).await
    }

    /// Quotes what a cancellation would give back.
    pub(crate) async fn quote(
        &self,
        booking: &Booking,
        at: At,
        key: Option<Key>,
    ) -> Result<Sold, SalesError> {
        let quote = QuoteId::new();
        self.keyed(key.clone(), async || Ok(self.amend(booking, Command::Quote { at, quote, key }).await?))
            .await
    }

    /// Has the ledger carry out a command about a booking.
    pub(super) async fn amend(&self, booking: &Booking, command: Command) -> Result<Sold, SalesError> {
        let Some(flight) = booking.segments.iter().map(|segment| segment.flight_id).min() else {
            return Ok(Sold::Refused(Refusal::NotFound));
        };
        Ok(match self.ledgers.submit(flight, command).await? {
            Outcome::Done(state) => Sold::Done(state),
            Outcome::Quoted(quote, currency) => Sold::Quoted(quote.shown(currency)),
            Outcome::Replay(answer) => Sold::Replay(answer),
            Outcome::Refused(refusal) => Sold::Refused(refusal),
        })
    }
}
