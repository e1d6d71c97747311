//! Leads to a new password: the letter brings a token.

use super::{
    letter_kind::{DraftError, LetterKind},
    token_letter,
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::PasswordReset,
    event: EventType::UserPasswordResetRequested,
    mjml: include_str!("../../templates/password_reset.mjml"),
    text: include_str!("../../templates/password_reset.txt"),
    superseded_by: &[LetterTemplate::PasswordReset],
    carries_token: true,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    token_letter::draft(&KIND, data)
}
