//! The airline cancelled a flight of a booking, and with it the booking.

use super::{
    booking_letter::{self, ChangedBooking},
    letter_kind::{DraftError, LetterKind, read},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::FlightCancelled,
    event: EventType::BookingCancelled,
    mjml: include_str!("../../templates/flight_cancelled.mjml"),
    text: include_str!("../../templates/flight_cancelled.txt"),
    superseded_by: &[],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let ChangedBooking { booking, disruption } = read(KIND.event, data)?;
    // The traveller or the staff did it: `booking_cancelled`.
    if disruption.is_none() {
        return Ok(None);
    }
    booking_letter::draft(KIND.template, booking, disruption)
}
