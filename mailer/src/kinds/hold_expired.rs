//! A hold ran out unpaid.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::HoldExpired,
    event: EventType::BookingExpired,
    mjml: include_str!("../../templates/hold_expired.mjml"),
    text: include_str!("../../templates/hold_expired.txt"),
    superseded_by: &[],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    booking_letter::draft(KIND.template, read(KIND.event, data)?, None)
}
