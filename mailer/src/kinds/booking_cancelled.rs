//! A booking was cancelled, with what is given back.

use super::{
    booking_letter,
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
    booking_letter::draft(&read(KIND.event, data)?, LetterTemplate::BookingCancelled, "Booking cancelled")
}
