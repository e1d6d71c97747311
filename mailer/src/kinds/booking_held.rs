//! Seats are kept until a payment: when the hold ends.

use super::{Kind, Undraftable, booking_view};
use crate::domain::{Draft, Template};
use shared::events::{BookingPaymentStatus, Event, EventType};

pub(super) const KIND: Kind = Kind {
    template: Template::BookingHeld,
    event: EventType::BookingHeld,
    mjml: include_str!("../../templates/booking_held.mjml"),
    text: include_str!("../../templates/booking_held.txt"),
    superseded_by: &[Template::BookingConfirmed, Template::BookingCancelled, Template::HoldExpired],
    draft,
};

fn draft(event: &Event) -> Result<Option<Draft>, Undraftable> {
    let booking = booking_view::state(event)?;
    // A booking that is paid in the same call is held for a moment only: its confirmation says it all.
    if booking.payment_status != BookingPaymentStatus::Awaiting {
        return Ok(None);
    }
    booking_view::draft(&booking, Template::BookingHeld, "Your seats are held")
}
