//! A booking was cancelled, with what is given back.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{Event, EventType};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingCancelled,
    event: EventType::BookingCancelled,
    mjml: include_str!("../../templates/booking_cancelled.mjml"),
    text: include_str!("../../templates/booking_cancelled.txt"),
    superseded_by: &[],
    draft,
};

fn draft(event: &Event) -> Result<Option<LetterDraft>, DraftError> {
    let booking = booking_letter::state(event)?;
    booking_letter::draft(&booking, LetterTemplate::BookingCancelled, "Booking cancelled")
}
