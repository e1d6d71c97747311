//! Paid and ticketed: what the traveller needs at the airport.

use super::{Kind, Undraftable, booking_view};
use crate::domain::{Draft, Template};
use shared::events::{Event, EventType};

pub(super) const KIND: Kind = Kind {
    template: Template::BookingConfirmed,
    event: EventType::BookingConfirmed,
    mjml: include_str!("../../templates/booking_confirmed.mjml"),
    text: include_str!("../../templates/booking_confirmed.txt"),
    superseded_by: &[],
    draft,
};

fn draft(event: &Event) -> Result<Option<Draft>, Undraftable> {
    let booking = booking_view::state(event)?;
    booking_view::draft(&booking, Template::BookingConfirmed, "Booking confirmed")
}
