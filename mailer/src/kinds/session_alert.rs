//! Something happened to an account that its owner should know of.

use super::{
    language::LOCALE,
    letter_kind::{DraftError, LetterKind, read, recipient},
};
use crate::domain::{LetterDraft, LetterTemplate, single_line, utc_time};
use serde_json::json;
use shared::events::{AlertReason, EventType, Json, SessionAlert};

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
    let (subject, happened) = words(alert.reason);
    let data = json!({
        "happened": happened,
        "at": utc_time(alert.at),
        "user_agent": alert.user_agent.as_deref().map(without_links),
        "address": alert.address.as_deref().map(single_line),
    });
    Ok(Some(LetterDraft {
        template: KIND.template,
        // The event's subject is the alert itself.
        about: Some(alert.user.id.to_string()),
        reference: None,
        recipient: recipient(&alert.user.email),
        locale: LOCALE,
        subject: subject.to_owned(),
        data: data.to_string(),
        token: None,
    }))
}

/// The subject, and what the letter tells.
fn words(reason: AlertReason) -> (&'static str, &'static str) {
    match reason {
        AlertReason::NewDevice => (
            "A new device uses your Aerobus account",
            "Somebody logged in to your account from a device that was not used before.",
        ),
        AlertReason::PasswordChanged => {
            ("Your Aerobus password was changed", "The password of your account was changed.")
        }
        AlertReason::TotpChanged => (
            "The second factor of your Aerobus account was changed",
            "The second factor of your account was switched on or off.",
        ),
        AlertReason::ApiKeysChanged => (
            "The API keys of your Aerobus account were changed",
            "An API key of your account was created or deleted.",
        ),
        AlertReason::RefreshTokenReused => (
            "A session of your Aerobus account was ended",
            "A key of one of your sessions was used twice. Somebody may have copied it, so we ended the session.",
        ),
    }
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
