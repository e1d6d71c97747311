//! The kinds of letters, a table: one file and one pair of templates each.

mod booking_cancelled;
mod booking_confirmed;
mod booking_held;
mod booking_view;
mod hold_expired;

use crate::domain::{Draft, Template};
use shared::events::{Event, EventType, UndecodableEvent};

/// A kind of letter.
pub struct Kind {
    /// Its name.
    pub template: Template,
    /// The event that asks for it.
    pub event: EventType,
    /// The HTML's inner part, in MJML with Jinja expressions.
    pub mjml: &'static str,
    /// The text part, in Jinja.
    pub text: &'static str,
    /// Newer letters of these kinds about the same matter make one that is still queued pointless.
    pub superseded_by: &'static [Template],
    /// Reads the letter off the event; `None` where this one asks for none.
    pub draft: fn(&Event) -> Result<Option<Draft>, Undraftable>,
}

/// Why an event that should make a letter cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undraftable {
    /// Its data is not what its type names.
    #[error(transparent)]
    Undecodable(#[from] UndecodableEvent),
    /// There is nobody to write to.
    #[error("the booking has no contact")]
    NoContact,
}

/// All kinds that are written.
pub const KINDS: [&Kind; 4] =
    [&booking_confirmed::KIND, &booking_cancelled::KIND, &booking_held::KIND, &hold_expired::KIND];

/// The kind of a template, where it is written.
#[must_use]
pub fn kind(template: Template) -> Option<&'static Kind> {
    KINDS.into_iter().find(|kind| kind.template == template)
}

/// The event types that some kind wants.
#[must_use]
pub fn event_types() -> Vec<EventType> {
    let mut types = Vec::new();
    for kind in KINDS {
        if !types.contains(&kind.event) {
            types.push(kind.event);
        }
    }
    types
}

/// The letters that an event asks for.
///
/// # Errors
/// [`Undraftable`] when the event can never make its letters.
pub fn drafts(event: &Event) -> Result<Vec<Draft>, Undraftable> {
    let wanted = KINDS.into_iter().filter(|kind| kind.event == event.kind);
    let drafts: Result<Vec<Option<Draft>>, Undraftable> = wanted.map(|kind| (kind.draft)(event)).collect();
    Ok(drafts?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_has_one_kind_at_most() {
        for kind in KINDS {
            assert_eq!(KINDS.iter().filter(|other| other.template == kind.template).count(), 1);
            assert!(!kind.superseded_by.contains(&kind.template), "no letter supersedes its like");
        }
        assert_eq!(
            event_types(),
            shared::bus::queues::MAILER_NOTIFICATIONS.types,
            "every kind gets its events"
        );
    }

    #[test]
    fn nonsense_makes_no_letter_and_no_panic() {
        let event = Event::new("booking", EventType::BookingConfirmed, "x", 1, &serde_json::json!({"id": 1}));
        assert!(matches!(drafts(&event), Err(Undraftable::Undecodable(_))));
        let event = Event::new("booking", EventType::SeatsChanged, "x", 1, &serde_json::Value::Null);
        assert_eq!(drafts(&event), Ok(Vec::new()));
    }
}
