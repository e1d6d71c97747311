//! A booking was cancelled, with what is given back.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{BookingState, EventType};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingCancelled,
    event: EventType::BookingCancelled,
    mjml: include_str!("../../templates/booking_cancelled.mjml"),
    text: include_str!("../../templates/booking_cancelled.txt"),
    superseded_by: &[],
    draft,
};

fn draft(booking: &BookingState) -> Result<Option<LetterDraft>, DraftError> {
    booking_letter::draft(booking, LetterTemplate::BookingCancelled, "Booking cancelled")
}
