//! Paid and ticketed: what the traveller needs at the airport.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{BookingState, EventType};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingConfirmed,
    event: EventType::BookingConfirmed,
    mjml: include_str!("../../templates/booking_confirmed.mjml"),
    text: include_str!("../../templates/booking_confirmed.txt"),
    superseded_by: &[],
    draft,
};

fn draft(booking: &BookingState) -> Result<Option<LetterDraft>, DraftError> {
    booking_letter::draft(booking, LetterTemplate::BookingConfirmed, "Booking confirmed")
}
