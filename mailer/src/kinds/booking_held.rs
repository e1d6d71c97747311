//! Seats are kept until a payment: when the hold ends.

use super::{
    booking_letter,
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{BookingPaymentStatus, BookingState, EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::BookingHeld,
    event: EventType::BookingHeld,
    mjml: include_str!("../../templates/booking_held.mjml"),
    text: include_str!("../../templates/booking_held.txt"),
    superseded_by: &[
        LetterTemplate::BookingConfirmed,
        LetterTemplate::BookingCancelled,
        LetterTemplate::FlightCancelled,
        LetterTemplate::HoldExpired,
    ],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let booking: BookingState = read(KIND.event, data)?;
    // A booking that is paid in the same call is held for a moment only: its confirmation says it all.
    if booking.payment_status != BookingPaymentStatus::Awaiting {
        return Ok(None);
    }
    booking_letter::draft(KIND.template, booking, None)
}
