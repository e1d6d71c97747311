//! All kinds of letters.

use super::{
    booking_cancelled, booking_confirmed, booking_held, hold_expired,
    letter_kind::{DraftError, LetterKind},
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::Event;

/// All kinds that have templates.
pub(crate) const LETTER_KINDS: [&LetterKind; 4] =
    [&booking_confirmed::KIND, &booking_cancelled::KIND, &booking_held::KIND, &hold_expired::KIND];

/// The kind with this name, where it has templates.
pub(crate) fn kind_of(template: LetterTemplate) -> Option<&'static LetterKind> {
    LETTER_KINDS.into_iter().find(|kind| kind.template == template)
}

/// The letters that an event asks for.
///
/// # Errors
/// [`DraftError`], for which a later try fails too.
pub(crate) fn drafts(event: &Event) -> Result<Vec<LetterDraft>, DraftError> {
    let wanted = LETTER_KINDS.into_iter().filter(|kind| kind.event == event.kind);
    let drafts: Result<Vec<Option<LetterDraft>>, DraftError> =
        wanted.map(|kind| (kind.draft)(event)).collect();
    Ok(drafts?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::events::EventType;

    fn event_types() -> Vec<EventType> {
        let mut types = Vec::new();
        for kind in LETTER_KINDS {
            if !types.contains(&kind.event) {
                types.push(kind.event);
            }
        }
        types
    }

    #[test]
    fn each_template_has_one_kind_at_most() {
        for kind in LETTER_KINDS {
            assert_eq!(LETTER_KINDS.iter().filter(|other| other.template == kind.template).count(), 1);
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
        assert!(matches!(drafts(&event), Err(DraftError::Undecodable(_))));
        let event = Event::new("booking", EventType::SeatsChanged, "x", 1, &serde_json::Value::Null);
        assert_eq!(drafts(&event), Ok(Vec::new()));
    }
}
