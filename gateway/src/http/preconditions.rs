//! What a write expects of the version of its resource.

use actix_web::{HttpRequest, http::header};
use shared::http::{Problem, entity_tag, require_match};

/// The version that a write may change: the present one where there is an `If-Match`, else any. The write compares it
/// once more, since somebody else may be faster.
///
/// # Errors
/// `precondition_failed` when the client's copy is stale.
pub(super) fn expected_version(request: &HttpRequest, present: i64) -> Result<Option<i64>, Problem> {
    require_match(request, &entity_tag(present))?;
    Ok(request.headers().contains_key(header::IF_MATCH).then_some(present))
}
