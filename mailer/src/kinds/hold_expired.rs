//! A hold ran out unpaid.

use super::{Kind, Undraftable, booking_view};
use crate::domain::{Draft, Template};
use shared::events::{Event, EventType};

pub(super) const KIND: Kind = Kind {
    template: Template::HoldExpired,
    event: EventType::BookingExpired,
    mjml: include_str!("../../templates/hold_expired.mjml"),
    text: include_str!("../../templates/hold_expired.txt"),
    superseded_by: &[],
    draft,
};

fn draft(event: &Event) -> Result<Option<Draft>, Undraftable> {
    let booking = booking_view::state(event)?;
    booking_view::draft(&booking, Template::HoldExpired, "Your hold has ended")
}
