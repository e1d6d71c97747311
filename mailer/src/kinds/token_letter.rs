//! Letters that bring a token to the owner of an address.
//!
//! The letter shows the token twice. As a code it can be pasted wherever it is asked for. In the link it stands behind
//! the `#`: browsers keep that part to themselves, so the token reaches no server's log and no `Referer`.
//!
//! The letter names nobody: whoever opens an account chooses its names, and may not own the address.

use super::letter_kind::{DraftError, LetterKind, read, recipient};
use crate::{
    domain::{DraftToken, KeptToken, LetterDraft},
    views::catalogue,
};
use documents::DocumentLanguage;
use shared::events::{Json, TokenRequest};

/// The letter of an event that has a token sent.
pub(super) fn draft(kind: &LetterKind, data: &Json) -> Result<Option<LetterDraft>, DraftError> {
    let request: TokenRequest = read(kind.event, data)?;
    let language = DocumentLanguage::of_tag(&request.user.locale);
    let kept = KeptToken { expires_at: request.expires_at };
    Ok(Some(LetterDraft {
        template: kind.template,
        about: None,
        reference: None,
        recipient: recipient(&request.user.email),
        locale: language.tag(),
        subject: catalogue(language).text(&format!("{}-subject", kind.template)),
        // Plain data always serialises.
        data: serde_json::to_string(&kept).unwrap_or_default(),
        token: request.token.map(|token| DraftToken { token, expires_at: request.expires_at }),
    }))
}
