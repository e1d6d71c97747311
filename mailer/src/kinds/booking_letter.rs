//! Letters about bookings: to the contact, in its language.

use super::letter_kind::{DraftError, recipient};
use crate::{
    domain::{KeptBooking, LetterDraft, LetterTemplate, single_line},
    views::catalogue,
};
use documents::DocumentLanguage;
use serde::Deserialize;
use shared::events::{BookingDisruption, BookingSegment, BookingState, Station};

/// The data of `booking.changed` and `booking.cancelled`, whoever is the cause.
#[derive(Deserialize)]
pub(super) struct ChangedBooking {
    #[serde(flatten)]
    pub(super) booking: BookingState,
    /// What the airline did; `None`: the traveller or the staff did it.
    #[serde(default)]
    pub(super) disruption: Option<BookingDisruption>,
}

/// A letter about a booking to its contact.
pub(super) fn draft(
    template: LetterTemplate,
    mut booking: BookingState,
    disruption: Option<BookingDisruption>,
) -> Result<Option<LetterDraft>, DraftError> {
    let contact = booking.contact.take().ok_or(DraftError::NoContact)?;
    let language = contact.locale.as_deref().map_or_else(DocumentLanguage::default, DocumentLanguage::of_tag);
    let title = catalogue(language).text(&format!("{template}-subject"));
    let kept = kept(booking, disruption);
    let locator = kept.booking.locator.clone();
    Ok(Some(LetterDraft {
        template,
        recipient: recipient(&contact.email),
        locale: language.tag(),
        subject: format!("{title}: {locator}, {}", route(&kept.booking.segments)),
        about: None,
        reference: Some(locator),
        // Plain data always serialises.
        data: serde_json::to_string(&kept).unwrap_or_default(),
        token: None,
    }))
}

/// What the letter keeps: texts fit into lines, and what it does not show is gone.
fn kept(mut booking: BookingState, disruption: Option<BookingDisruption>) -> KeptBooking {
    let clean = |text: &mut String| *text = single_line(text);
    clean(&mut booking.locator);
    booking.payments.clear();
    booking.available_actions.clear();
    for segment in &mut booking.segments {
        segment.airline.iter_mut().for_each(clean);
        for Station { name, city, .. } in [&mut segment.origin, &mut segment.destination] {
            clean(name);
            clean(&mut city.name);
        }
    }
    for passenger in &mut booking.passengers {
        passenger.born_on = None;
        clean(&mut passenger.given_name);
        clean(&mut passenger.family_name);
        passenger.ticket_number.iter_mut().for_each(clean);
    }
    let disruption = disruption.map(|mut disruption| {
        disruption.reason.iter_mut().for_each(clean);
        disruption
    });
    KeptBooking { booking, disruption }
}

/// The airports in the order of travel, `LHR-CDG-LHR`; a journey over land begins a new chain.
fn route(segments: &[BookingSegment]) -> String {
    let mut route = String::new();
    let mut at = None;
    for segment in segments {
        if at != Some(&segment.origin.iata) {
            if at.is_some() {
                route.push_str(", ");
            }
            route.push_str(segment.origin.iata.as_str());
        }
        route.push('-');
        route.push_str(segment.destination.iata.as_str());
        at = Some(&segment.destination.iata);
    }
    route
}
