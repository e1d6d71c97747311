//! Paid and ticketed: what the traveller needs at the airport.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{Event, EventType};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingConfirmed,
    event: EventType::BookingConfirmed,
    mjml: include_str!("../../templates/booking_confirmed.mjml"),
    text: include_str!("../../templates/booking_confirmed.txt"),
    superseded_by: &[],
    draft,
};

fn draft(event: &Event) -> Result<Option<LetterDraft>, DraftError> {
    let booking = booking_letter::state(event)?;
    booking_letter::draft(&booking, LetterTemplate::BookingConfirmed, "Booking confirmed")
}
