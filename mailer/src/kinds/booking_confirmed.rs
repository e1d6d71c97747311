//! Paid and ticketed: what the traveller needs at the airport.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{BookingState, EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingConfirmed,
    event: EventType::BookingConfirmed,
    mjml: include_str!("../../templates/booking_confirmed.mjml"),
    text: include_str!("../../templates/booking_confirmed.txt"),
    superseded_by: &[],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    booking_letter::draft(KIND.template, read(KIND.event, data)?, None)
}

/// The letter once more, for somebody who asks for it: its event tells of the request, and the letter of the booking.
pub(super) fn draft_again(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let booking: BookingState = read(EventType::ConfirmationRequested, data)?;
    let about = Some(booking.id.to_string());
    let drafted = booking_letter::draft(KIND.template, booking, None)?;
    Ok(drafted.map(|draft| LetterDraft { about, ..draft }))
}
