//! Letters that bring a token to the owner of an address.
//!
//! The letter shows the token twice. As a code it can be pasted wherever it is asked for. In the link it stands behind
//! the `#`: browsers keep that part to themselves, so the token reaches no server's log and no `Referer`.
//!
//! The letter names nobody: whoever opens an account chooses its names, and may not own the address.

use super::{
    language::LOCALE,
    letter_kind::{DraftError, LetterKind, read, recipient},
};
use crate::domain::{DraftToken, LetterDraft, utc_time};
use serde_json::json;
use shared::events::{Json, TokenRequest};

/// The letter of an event that has a token sent.
pub(super) fn draft(
    kind: &LetterKind,
    data: &Json,
    subject: &str,
) -> Result<Option<LetterDraft>, DraftError> {
    let request: TokenRequest = read(kind.event, data)?;
    Ok(Some(LetterDraft {
        template: kind.template,
        about: None,
        reference: None,
        recipient: recipient(&request.user.email),
        locale: LOCALE,
        subject: subject.to_owned(),
        data: json!({"expires": utc_time(request.expires_at)}).to_string(),
        token: request.token.map(|token| DraftToken { token, expires_at: request.expires_at }),
    }))
}
