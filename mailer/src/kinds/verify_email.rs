//! Proves an address: the letter brings a token there.

use super::{
    letter_kind::{DraftError, LetterKind},
    token_letter,
};
use crate::domain::{LetterDraft, LetterTemplate};
use shared::events::{EventType, Json};

pub(super) const KIND: LetterKind = LetterKind {
    template: LetterTemplate::VerifyEmail,
    event: EventType::UserVerificationRequested,
    mjml: include_str!("../../templates/verify_email.mjml"),
    text: include_str!("../../templates/verify_email.txt"),
    superseded_by: &[LetterTemplate::VerifyEmail],
    carries_token: true,
    draft,
};

fn draft(data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    token_letter::draft(&KIND, data)
}
