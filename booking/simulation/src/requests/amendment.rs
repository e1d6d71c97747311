//! What travellers change of their bookings.

use booking_engine::{
    booking::{name_correction::NameCorrection, seat_change::SeatChange},
    passengers::contact::ContactPatch,
};
use shared::{events::BookingState, http::Patch, person_name::PersonName};

/// What travellers change of their bookings.
#[derive(Debug, Clone)]
pub(crate) enum Amendment {
    /// `exempt`: free of the limit of reserved seats.
    Seats {
        changes: Vec<SeatChange>,
        exempt: bool,
    },
    Contact(ContactPatch),
    Name(NameCorrection),
}

impl Amendment {
    /// Whether a booking is shown as this was to leave it.
    pub(crate) fn is_shown(&self, state: &BookingState) -> bool {
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
