//! What makes a kind of letter.

use crate::domain::{LetterDraft, LetterTemplate, single_line};
use serde::de::DeserializeOwned;
use shared::{
    email::EmailAddress,
    events::{EventType, Json, UndecodableEvent},
};

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
    /// A newer letter of one of these kinds about the same aggregate supersedes a queued letter of this kind.
    pub(crate) superseded_by: &'static [LetterTemplate],
    /// Whether it brings a token. Without one it is pointless.
    pub(crate) carries_token: bool,
    /// Drafts the letter of an event with this data; `None` where the event asks for none.
    pub(crate) draft: fn(&Json) -> Result<Option<LetterDraft>, DraftError>,
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

/// The data of an event of this type.
///
/// # Errors
/// [`DraftError::Undecodable`].
pub(super) fn read<T: DeserializeOwned>(event: EventType, data: &Json) -> Result<T, DraftError> {
    Ok(data.read().map_err(|error| UndecodableEvent::Data(event, error.to_string()))?)
}

/// An address as it is stored. An invalid one is stored too: the letter then fails where staff can see it.
pub(super) fn recipient(text: &str) -> String {
    text.parse().map_or_else(|_| single_line(text), |address: EmailAddress| address.as_str().to_owned())
}
