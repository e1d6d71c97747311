//! A hold ran out unpaid.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{BookingState, EventType};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::HoldExpired,
    event: EventType::BookingExpired,
    mjml: include_str!("../../templates/hold_expired.mjml"),
    text: include_str!("../../templates/hold_expired.txt"),
    superseded_by: &[],
    draft,
};

fn draft(booking: &BookingState) -> Result<Option<LetterDraft>, DraftError> {
    booking_letter::draft(booking, LetterTemplate::HoldExpired, "Your hold has ended")
}
