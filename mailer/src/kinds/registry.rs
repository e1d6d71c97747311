//! All kinds of letters.

use super::{
    booking_cancelled, booking_changed, booking_confirmed, booking_held, flight_cancelled, flight_delayed,
    hold_expired,
    letter_kind::{DraftError, LetterKind},
    password_reset, session_alert, verify_email,
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

/// All kinds that have templates.
pub(crate) const LETTER_KINDS: [&LetterKind; 10] = [
    &booking_confirmed::KIND,
    &booking_changed::KIND,
    &flight_delayed::KIND,
    &booking_cancelled::KIND,
    &flight_cancelled::KIND,
    &booking_held::KIND,
    &hold_expired::KIND,
    &verify_email::KIND,
    &password_reset::KIND,
    &session_alert::KIND,
];

/// The kind with this name, where it has templates.
pub(super) fn kind_of(template: LetterTemplate) -> Option<&'static LetterKind> {
    LETTER_KINDS.into_iter().find(|kind| kind.template == template)
}

/// The letters that an event of this type with this data asks for.
///
/// # Errors
/// [`DraftError`], for which a later try fails too.
pub(crate) fn drafts(event: EventType, data: &Json) -> Result<Vec<LetterDraft>, DraftError> {
    if event == EventType::ConfirmationRequested {
        // A letter of a kind that another event asks for, too.
        return Ok(booking_confirmed::draft_again(data)?.into_iter().collect());
    }
    let wanted = LETTER_KINDS.into_iter().filter(|kind| kind.event == event);
    wanted.filter_map(|kind| (kind.draft)(data).transpose()).collect()
}

/// Whether letters of the kind with this name bring a token.
pub(crate) fn carries_token(template: &str) -> bool {
    LETTER_KINDS.into_iter().any(|kind| kind.carries_token && kind.template.as_str() == template)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let its_like = kind.superseded_by.contains(&kind.template);
            assert_eq!(its_like, kind.carries_token, "a newer token is the only one that works");
        }
        let again = [EventType::ConfirmationRequested];
        assert_eq!(
            [&event_types(), &again[..]].concat(),
            shared::bus::queues::MAILER_NOTIFICATIONS.types,
            "every kind gets its events"
        );
    }

    #[test]
    fn nonsense_makes_no_letter_and_no_panic() {
        let nonsense = Json::of(&serde_json::json!({"id": 1}));
        let drafted = drafts(EventType::BookingConfirmed, &nonsense);
        assert!(matches!(drafted, Err(DraftError::Undecodable(_))));
        assert_eq!(drafts(EventType::SeatsChanged, &nonsense), Ok(Vec::new()));
    }
}
