//! Seats, names or the contact are others: by the traveller, or because another airplane flies.

use super::{
    booking_letter::{self, ChangedBooking},
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{DisruptionKind, EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingChanged,
    event: EventType::BookingChanged,
    mjml: include_str!("../../templates/booking_changed.mjml"),
    text: include_str!("../../templates/booking_changed.txt"),
    superseded_by: &[LetterTemplate::BookingCancelled, LetterTemplate::FlightCancelled],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let ChangedBooking { booking, disruption } = read(KIND.event, data)?;
    // New times have a letter of their own.
    if disruption.as_ref().is_some_and(|disruption| disruption.kind != DisruptionKind::Reseated) {
        return Ok(None);
    }
    booking_letter::draft(KIND.template, booking, disruption)
}
