//! A booking was cancelled by its traveller or the staff, with what is given back.

use super::{
    booking_letter::{self, ChangedBooking},
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingCancelled,
    event: EventType::BookingCancelled,
    mjml: include_str!("../../templates/booking_cancelled.mjml"),
    text: include_str!("../../templates/booking_cancelled.txt"),
    superseded_by: &[],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let ChangedBooking { booking, disruption } = read(KIND.event, data)?;
    // The airline did it: `flight_cancelled`.
    if disruption.is_some() {
        return Ok(None);
    }
    booking_letter::draft(KIND.template, booking, disruption)
}
