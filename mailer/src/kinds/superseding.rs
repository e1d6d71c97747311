//! Which letters make others about the same aggregate pointless.

use super::registry::{LETTER_KINDS, kind_of};
use crate::domain::LetterTemplate;
use std::sync::LazyLock;

/// What statements need to know of a kind of letter: names of templates, with commas between them.
pub(crate) struct Superseding {
    template: LetterTemplate,
    /// The kinds whose newer letters supersede a letter of this kind. `None` if there is no such kind.
    pub(crate) by: Option<String>,
    /// The kinds whose older letters a letter of this kind supersedes. `None` if there is no such kind.
    pub(crate) of: Option<String>,
}

static KINDS: LazyLock<Vec<Superseding>> =
    LazyLock::new(|| LETTER_KINDS.into_iter().map(|kind| Superseding::new(kind.template)).collect());

/// How letters of this kind and of others supersede each other. `None` if this release makes no letters of this kind.
pub(crate) fn superseding(template: LetterTemplate) -> Option<&'static Superseding> {
    KINDS.iter().find(|kind| kind.template == template)
}

impl Superseding {
    fn new(template: LetterTemplate) -> Self {
        let by = kind_of(template).map_or(&[][..], |kind| kind.superseded_by);
        let of = LETTER_KINDS.into_iter().filter(|kind| kind.superseded_by.contains(&template));
        Self { template, by: names(by.iter().copied()), of: names(of.map(|kind| kind.template)) }
    }
}

fn names(templates: impl Iterator<Item = LetterTemplate>) -> Option<String> {
    let names: Vec<&str> = templates.map(LetterTemplate::as_str).collect();
    (!names.is_empty()).then(|| names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_supersedes_a_hold_and_nothing_supersedes_a_confirmation() {
        let confirmation = superseding(LetterTemplate::BookingConfirmed).unwrap();
        assert_eq!((confirmation.by.as_deref(), confirmation.of.as_deref()), (None, Some("booking_held")));
        let hold = superseding(LetterTemplate::BookingHeld).unwrap();
        assert_eq!(
            hold.by.as_deref(),
            Some("booking_confirmed,booking_cancelled,flight_cancelled,hold_expired")
        );
        assert_eq!(hold.of.as_deref(), None);
        let reset = superseding(LetterTemplate::PasswordReset).unwrap();
        assert_eq!(
            (reset.by.as_deref(), reset.of.as_deref()),
            (Some("password_reset"), Some("password_reset"))
        );
    }
}
