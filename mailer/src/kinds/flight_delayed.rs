//! The airline gave a flight of a booking other times.

use super::{
    booking_letter::{self, ChangedBooking},
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{DisruptionKind, EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::FlightDelayed,
    event: EventType::BookingChanged,
    mjml: include_str!("../../templates/flight_delayed.mjml"),
    text: include_str!("../../templates/flight_delayed.txt"),
    superseded_by: &[LetterTemplate::BookingCancelled, LetterTemplate::FlightCancelled],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let ChangedBooking { booking, disruption } = read(KIND.event, data)?;
    // All other changes make `booking_changed`.
    if disruption.as_ref().is_none_or(|disruption| disruption.kind != DisruptionKind::Rescheduled) {
        return Ok(None);
    }
    booking_letter::draft(KIND.template, booking, disruption)
}
