//! What makes a kind of letter.

use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{BookingState, EventType, UndecodableEvent};

/// A kind of letter.
pub(crate) struct LetterKind {
    /// Its name.
    pub(crate) template: LetterTemplate,
    /// The event that asks for it.
    pub(crate) event: EventType,
    /// The inner part of the HTML, in MJML with Jinja expressions.
    pub(crate) mjml: &'static str,
    /// The text part, in Jinja.
    pub(crate) text: &'static str,
    /// A newer letter of one of these kinds about the same booking supersedes a queued letter of this kind.
    pub(crate) superseded_by: &'static [LetterTemplate],
    /// Drafts the letter of an event about this booking; `None` where the event asks for none.
    pub(crate) draft: fn(&BookingState) -> Result<Option<LetterDraft>, DraftError>,
}

/// Why an event that should make a letter cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DraftError {
    /// The event's data does not fit its type.
    #[error(transparent)]
    Undecodable(#[from] UndecodableEvent),
    /// The booking has no address to write to.
    #[error("the booking has no contact")]
    NoContact,
}
