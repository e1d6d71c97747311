//! The installation that issues documents.

use crate::{DocumentLanguage, TicketDocument};
use shared_types::events::BookingState;

/// The name at the head of documents, and in letters.
pub const ISSUER: &str = "Aerobus";

/// The installation that issues documents. Services of one installation have equal ones, so a booking has the same
/// documents by mail and by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentIssuer {
    manage_url: String,
}

impl DocumentIssuer {
    /// The installation whose pages for travellers stand below this address, `https://aerobus.example`.
    #[must_use]
    pub fn new(public_url: &str) -> Self {
        // The page finds a booking by its locator and a name. The link has neither: addresses end up in histories and
        // logs.
        Self { manage_url: format!("{}/manage", public_url.trim_end_matches('/')) }
    }

    /// The documents' view of a booking.
    #[must_use]
    pub fn ticket(&self, booking: &BookingState, language: DocumentLanguage) -> TicketDocument {
        let ticket = TicketDocument::of_booking(booking, language, ISSUER);
        TicketDocument { manage_url: Some(self.manage_url.clone()), ..ticket }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, booking_of};

    #[test]
    fn a_ticket_names_its_issuer_and_the_page_for_changes() {
        let sample = samples::round_trip();
        for public_url in ["https://aerobus.example/", "https://aerobus.example"] {
            let made = DocumentIssuer::new(public_url).ticket(&booking_of(&sample), sample.language);
            assert_eq!(made, sample);
            assert_eq!(made.manage_url.as_deref(), Some("https://aerobus.example/manage"));
        }
    }
}
