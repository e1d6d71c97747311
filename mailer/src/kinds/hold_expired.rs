//! A hold ran out unpaid.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{Event, EventType};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::HoldExpired,
    event: EventType::BookingExpired,
    mjml: include_str!("../../templates/hold_expired.mjml"),
    text: include_str!("../../templates/hold_expired.txt"),
    superseded_by: &[],
    draft,
};

fn draft(event: &Event) -> Result<Option<LetterDraft>, DraftError> {
    let booking = booking_letter::state(event)?;
    booking_letter::draft(&booking, LetterTemplate::HoldExpired, "Your hold has ended")
}
