//! The way of a change through an instance, as `Sales` goes it: the booking as it is, allocators in the
//! order of flight ids, the ledger.

use super::{instance::unavailable, world::World};
use crate::actors::sales::{Sold, Stop};
use booking_engine::ledger::{
    amendments::places_wanted,
    command::{At, Command},
};
use booking_engine::{
    booking::{
        lifecycle::Stage,
        name_correction::NameCorrection,
        record::{Booking, Flights},
        refusal::{FlightSeat, Refusal},
        seat_change::{self, SeatChange},
    },
    inventory::{assignment::Wish, seat_inventory::Wanted},
    passengers::contact::ContactPatch,
};
use diesel::result::Error;
use shared::{
    events::{BookingAction, BookingState},
    http::Patch,
    ids::{BookingId, FlightId},
    person_name::PersonName,
};
use std::{collections::BTreeMap, rc::Rc};

/// What travellers change of their bookings.
#[derive(Debug, Clone)]
pub(super) enum Amendment {
    /// `exempt`: free of the limit of marked seats.
    Seats {
        changes: Vec<SeatChange>,
        exempt: bool,
    },
    Contact(ContactPatch),
    Name(NameCorrection),
}

impl Amendment {
    /// Whether a booking is shown as this was to leave it.
    pub(super) fn is_shown(&self, state: &BookingState) -> bool {
        match self {
            Self::Seats { changes, .. } => changes.iter().all(|change| {
                let passenger = state.passengers.iter().find(|one| one.id == change.passenger);
                let mut seats = passenger.into_iter().flat_map(|one| &one.seats);
                seats.any(|seat| (seat.flight_id, seat.designator) == (change.flight, change.seat))
            }),
            Self::Contact(patch) => state.contact.as_ref().is_some_and(|contact| {
                let phone = match &patch.phone {
                    Patch::Keep => true,
                    Patch::Remove => contact.phone.is_none(),
                    Patch::Set(phone) => contact.phone.as_deref() == Some(phone.as_str()),
                };
                phone && patch.email.as_ref().is_none_or(|email| email.as_str() == contact.email)
            }),
            Self::Name(NameCorrection { passenger, given_name, family_name }) => {
                let same = |name: &Option<PersonName>, shown: &str| {
                    name.as_ref().is_none_or(|name| name.as_str() == shown)
                };
                state.passengers.iter().any(|one| {
                    one.id == *passenger
                        && same(given_name, &one.given_name)
                        && same(family_name, &one.family_name)
                })
            }
        }
    }
}

impl World {
    /// A booking as a handler reads it before anything is done about it.
    async fn read_booking(self: &Rc<Self>, id: BookingId) -> Result<(Booking, Stage), Stop> {
        self.hop().await;
        let read = {
            let now = self.now();
            let mut database = self.database.borrow_mut();
            if database.is_down(now) {
                return Err(Stop::from(unavailable()));
            }
            let clock = database.clock(now);
            let booking = database.rows.booking(id).ok_or(Stop::Refused(Refusal::NotFound))?;
            let state = booking.present(&database.rows.flights(&booking), clock);
            let state = state.map_err(|error| Error::DeserializationError(error.into()))?;
            if let Some(trace) = &self.trace {
                trace.borrow_mut().read_booking(clock, &state);
            }
            (booking, Stage::of(state.status, state.payment_status))
        };
        self.hop().await;
        Ok(read)
    }

    /// `version`: of the booking that the traveller relies on, as `If-Match`.
    pub(super) async fn amend(
        self: &Rc<Self>,
        at: usize,
        (id, version): (BookingId, Option<i64>),
        amendment: &Amendment,
    ) -> Result<Sold, Stop> {
        let (booking, stage) = self.read_booking(id).await?;
        if version.is_some_and(|version| version != booking.version) {
            return Err(Stop::Refused(Refusal::Stale));
        }
        let known = At { booking: id, version };
        match amendment {
            Amendment::Seats { changes, exempt } => {
                stage.allows(BookingAction::ChangeSeats).map_err(Stop::Refused)?;
                self.change_seats(at, &booking, (known, changes), *exempt).await
            }
            Amendment::Contact(patch) => {
                self.order(at, &booking, Command::ChangeContact { at: known, patch: patch.clone() }).await
            }
            Amendment::Name(correction) => {
                let places = places_wanted(&booking, correction);
                let command = Command::CorrectName { at: known, correction: correction.clone(), places };
                self.order(at, &booking, command).await
            }
        }
    }

    async fn change_seats(
        self: &Rc<Self>,
        at: usize,
        booking: &Booking,
        (known, changes): (At, &[SeatChange]),
        exempt: bool,
    ) -> Result<Sold, Stop> {
        let mut flights = Flights::new();
        for segment in &booking.segments {
            flights.insert(segment.flight_id, self.known_flight(at, segment.flight_id).await?.state);
        }
        let reseating = seat_change::check(booking, changes, &flights).map_err(Stop::Refused)?;
        let deadline = self.deadline_at(at);
        let mut wanted: BTreeMap<FlightId, Vec<FlightSeat>> = BTreeMap::new();
        for seat in reseating.wanted {
            wanted.entry(seat.flight_id).or_default().push(seat);
        }
        let mut marks = Vec::with_capacity(wanted.len());
        for (flight, seats) in wanted {
            let Some(segment) = booking.segment_on(flight) else {
                return Err(Stop::Refused(Refusal::NotFound));
            };
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
            let (_, mark) = self.reserve(at, flight, &wanted, deadline).await?;
            marks.push(mark);
        }
        let changed = self.order(at, booking, Command::ChangeSeats { at: known, changes: changes.to_vec() });
        let changed = changed.await;
        if let Err(Stop::Refused(Refusal::SeatTaken(lost))) = &changed {
            lost.iter().for_each(|seat| self.seats_unknown(at, seat.flight_id));
        }
        drop(marks);
        changed
    }

    async fn order(self: &Rc<Self>, at: usize, booking: &Booking, command: Command) -> Result<Sold, Stop> {
        match booking.flights().min() {
            Some(flight) => self.ordered(at, flight, command).await,
            None => Err(Stop::Refused(Refusal::NotFound)),
        }
    }
}
