//! The documents that are attached to letters: the e-ticket, and the flights for a calendar. They are rendered when the
//! letter is sent, of what it keeps: nothing of them is stored.

use super::{LetterContent, RenderError};
use crate::domain::KeptLetter;
use documents::DocumentIssuer;

/// A document that is attached to a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LetterDocument {
    /// `ticket.pdf`.
    Ticket(Vec<u8>),
    /// `calendar.ics`.
    Calendar(String),
}

/// The documents of a letter: ticket and calendar of a booking that is paid; of a booking that was paid and cancelled
/// the calendar, which takes the flights out of that of the traveller. Booking gives the same.
///
/// # Errors
/// [`RenderError::Ticket`], which does not depend on the letter.
pub(crate) fn letter_documents(
    letter: &LetterContent<'_>,
    issuer: &DocumentIssuer,
) -> Result<Vec<LetterDocument>, RenderError> {
    let KeptLetter::Booking(kept) = &letter.kept else { return Ok(Vec::new()) };
    let ticket = issuer.ticket(&kept.booking, letter.language);
    let calendar = || LetterDocument::Calendar(documents::calendar(&ticket));
    Ok(if kept.has_tickets() {
        vec![LetterDocument::Ticket(documents::ticket_pdf(&ticket)?), calendar()]
    } else if kept.had_tickets() {
        vec![calendar()]
    } else {
        Vec::new()
    })
}

impl LetterDocument {
    /// The name of its file.
    pub(crate) fn file_name(&self) -> &'static str {
        match self {
            Self::Ticket(_) => "ticket.pdf",
            Self::Calendar(_) => "calendar.ics",
        }
    }
}
