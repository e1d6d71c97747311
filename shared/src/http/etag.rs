//! Entity tags of single resources.

use super::{Code, Problem};
use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::Serialize;

/// A strong entity tag out of a resource's version.
#[must_use]
pub fn entity_tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Whether `If-None-Match` names the tag: the client's copy is good.
#[must_use]
pub fn is_known(request: &HttpRequest, tag: &str) -> bool {
    request.headers().get_all(header::IF_NONE_MATCH).any(|value| matches(value, tag, true))
}

/// Answers a GET: 304 where `If-None-Match` names the tag, else 200 with the resource.
#[must_use]
pub fn conditional(
    request: &HttpRequest,
    tag: &str,
    cache: &'static str,
    resource: &impl Serialize,
) -> HttpResponse {
    let is_known = is_known(request, tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, tag)).insert_header((header::CACHE_CONTROL, cache));
    if is_known { response.finish() } else { response.json(resource) }
}

/// Checks the `If-Match` of a write against the present tag; without the header everything goes.
///
/// # Errors
/// `precondition_failed` when the client's copy is stale.
pub fn require_match(request: &HttpRequest, tag: &str) -> Result<(), Problem> {
    let mut wanted = request.headers().get_all(header::IF_MATCH).peekable();
    if wanted.peek().is_none() || wanted.any(|value| matches(value, tag, false)) {
        return Ok(());
    }
    Err(Problem::new(Code::PreconditionFailed))
}

/// Whether a list of tags names this one. RFC 9110: `If-None-Match` compares weakly, `If-Match` strongly.
fn matches(header: &header::HeaderValue, tag: &str, weak: bool) -> bool {
    header.to_str().is_ok_and(|list| {
        list.split(',').map(str::trim).any(|one| {
            one == "*" || one == tag || (weak && one.strip_prefix("W/").is_some_and(|one| one == tag))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn known_copies_are_not_sent_again() {
        let get = |tags: &str| {
            let request = TestRequest::get().insert_header((header::IF_NONE_MATCH, tags)).to_http_request();
            conditional(&request, &entity_tag(7), "no-cache", &()).status().as_u16()
        };
        assert_eq!(get("\"6\", W/\"7\""), 304);
        assert_eq!(get("*"), 304);
        assert_eq!(get("\"8\""), 200);
    }

    #[test]
    fn stale_writes_are_refused() {
        let put = |tags: &str| {
            let request = TestRequest::patch().insert_header((header::IF_MATCH, tags)).to_http_request();
            require_match(&request, &entity_tag(7)).is_ok()
        };
        assert!(put("\"7\"") && put("*"));
        assert!(!put("\"6\"") && !put("W/\"7\""));
        assert!(require_match(&TestRequest::patch().to_http_request(), "\"7\"").is_ok());
    }
}
