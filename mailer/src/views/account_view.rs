//! Letters about accounts, as templates show them. They name nobody: whoever opens an account chooses its names, and may
//! not own the address.

use super::texts::{alert_key, catalogue, when_utc};
use crate::domain::{KeptAlert, KeptToken, LetterTemplate};
use documents::DocumentLanguage;
use serde::Serialize;

/// A letter with a token.
#[derive(Serialize)]
pub(super) struct TokenView {
    preheader: String,
    /// When the token stops working.
    expires: String,
}

/// A letter about what happened to an account.
#[derive(Serialize)]
pub(super) struct AlertView<'a> {
    /// What happened, in a sentence.
    happened: String,
    at: String,
    user_agent: Option<&'a str>,
    address: Option<&'a str>,
}

impl TokenView {
    pub(super) fn new(template: LetterTemplate, kept: &KeptToken, language: DocumentLanguage) -> Self {
        let expires = when_utc(language, kept.expires_at);
        let key = format!("{template}-preheader");
        Self { preheader: catalogue(language).with(&key, [("expires", expires.as_str())]), expires }
    }
}

impl<'a> AlertView<'a> {
    pub(super) fn new(kept: &'a KeptAlert, language: DocumentLanguage) -> Self {
        Self {
            happened: catalogue(language).text(alert_key(kept.reason)),
            at: when_utc(language, kept.at),
            user_agent: kept.user_agent.as_deref(),
            address: kept.address.as_deref(),
        }
    }
}
