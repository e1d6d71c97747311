//! Paid and ticketed: what the traveller needs at the airport.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

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
