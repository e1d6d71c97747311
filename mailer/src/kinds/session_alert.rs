//! Something happened to an account that its owner should know of.

use super::letter_kind::{DraftError, LetterKind, read, recipient};
use crate::{
    domain::{KeptAlert, LetterDraft, LetterTemplate, single_line},
    views::{alert_key, catalogue},
};
use documents::DocumentLanguage;
use shared::events::{EventType, Json, SessionAlert};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::SessionAlert,
    event: EventType::SessionAlert,
    mjml: include_str!("../../templates/session_alert.mjml"),
    text: include_str!("../../templates/session_alert.txt"),
    superseded_by: &[],
    carries_token: false,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let alert: SessionAlert = read(KIND.event, data)?;
    let language = DocumentLanguage::of_tag(&alert.user.locale);
    let kept = KeptAlert {
        reason: alert.reason,
        at: alert.at,
        user_agent: alert.user_agent.as_deref().map(without_links),
        address: alert.address.as_deref().map(single_line),
    };
    Ok(Some(LetterDraft {
        template: KIND.template,
        // The event's subject is the alert itself.
        about: Some(alert.user.id.to_string()),
        reference: None,
        recipient: recipient(&alert.user.email),
        locale: language.tag(),
        subject: catalogue(language).text(&format!("{}-subject", alert_key(alert.reason))),
        // Plain data always serialises.
        data: serde_json::to_string(&kept).unwrap_or_default(),
        token: None,
    }))
}

/// A text of a client that mail programs make no link of: a client chooses its `User-Agent`, and may be a thief.
fn without_links(text: &str) -> String {
    let plain: Vec<char> = single_line(&text.replace("://", " ")).chars().collect();
    let letter = |at: Option<usize>| at.and_then(|at| plain.get(at)).is_some_and(|c| c.is_alphanumeric());
    let digit = |at: Option<usize>| at.and_then(|at| plain.get(at)).is_some_and(char::is_ascii_digit);
    let shown = plain.iter().enumerate().map(|(at, character)| {
        let (before, after) = (at.checked_sub(1), Some(at + 1));
        // Dots of versions stay.
        let joins = letter(before) && letter(after) && !(digit(before) && digit(after));
        if matches!(character, '.' | '\u{3002}' | '@') && joins { ' ' } else { *character }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_shown_and_never_a_link() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(without_links(agent), agent);
        for (text, shown) in [
            ("https://evil.example/claim", "https evil example/claim"),
            ("www.evil.example", "www evil example"),
            ("call me@evil.example\r\nBcc: x", "call me evil example  Bcc: x"),
            ("a1.b", "a1 b"),
        ] {
            assert_eq!(without_links(text), shown);
        }
    }
}
