//! A booking was cancelled, with what is given back.

use super::{Kind, Undraftable, booking_view};
use crate::domain::{Draft, Template};
use shared::events::{Event, EventType};

pub(super) const KIND: Kind = Kind {
    template: Template::BookingCancelled,
    event: EventType::BookingCancelled,
    mjml: include_str!("../../templates/booking_cancelled.mjml"),
    text: include_str!("../../templates/booking_cancelled.txt"),
    superseded_by: &[],
    draft,
};

fn draft(event: &Event) -> Result<Option<Draft>, Undraftable> {
    let booking = booking_view::state(event)?;
    booking_view::draft(&booking, Template::BookingCancelled, "Booking cancelled")
}
