//! Compressed answers (RFC 9110, 8.4).
//!
//! The gateway alone compresses: the services' answers reach it over a network that costs nothing, and one place
//! decides. An answer is compressed piece by piece as it passes; none is collected. Streams of events are never
//! compressed, for an event would wait in the encoder for more.

mod coding;
mod encoder;
mod tags;

use actix_web::{
    Error, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
};
use coding::{Accepted, Coding};
use encoder::CompressedBody;
use shared::http::{Code, Problem, complete};
use tags::ClientTags;

/// Answers of this size and less are not worth it, bytes.
const SMALL: u64 = 1024;

/// Middleware: compresses what passes, where the client accepts it.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn compression(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let accepted = Accepted::by(request.request());
    if !accepted.identity && accepted.coding.is_none() {
        // Refused before anything has an effect.
        return Ok(not_acceptable(request.into_response(HttpResponse::Ok().finish())));
    }
    let tags = ClientTags::take(request.headers_mut());
    let response = complete(next.call(request).await?.map_into_boxed_body());
    Ok(encode(response, accepted, &tags))
}

fn encode(
    mut response: ServiceResponse<BoxBody>,
    accepted: Accepted,
    tags: &ClientTags,
) -> ServiceResponse<BoxBody> {
    if response.status() == StatusCode::NOT_MODIFIED {
        tags.restore(response.headers_mut());
        vary(response.headers_mut());
        return response;
    }
    let size = response.response().body().size();
    let is_empty = matches!(size, BodySize::None | BodySize::Sized(0));
    if is_empty || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let worth = matches!(size, BodySize::Sized(length) if length > SMALL) && is_text(response.headers());
    let may = matches!(size, BodySize::Sized(_)) && !is_final(response.headers());
    if may && is_text(response.headers()) {
        // Also of an answer that is small today.
        vary(response.headers_mut());
    }
    match accepted.coding.filter(|_| may && (worth || !accepted.identity)) {
        Some(coding) => compressed(response, coding),
        None if !accepted.identity => not_acceptable(response),
        None => response,
    }
}

fn compressed(mut response: ServiceResponse<BoxBody>, coding: Coding) -> ServiceResponse<BoxBody> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(header::CONTENT_LENGTH);
    tags::mark(headers, coding);
    response.map_body(|_, body| BoxBody::new(CompressedBody::new(body, coding)))
}

/// An answer that no coding that the client accepts can carry.
fn not_acceptable(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, _) = response.into_parts();
    let problem = Problem::new(Code::NotAcceptable).detail("No accepted content coding can be served.");
    let mut refused = complete(ServiceResponse::from_err(problem, request).map_into_boxed_body());
    vary(refused.headers_mut());
    refused
}

fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
}

/// Whether the answer is of a kind that compresses well.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (family, name) = kind.split_once('/').unwrap_or_default();
    match family {
        "text" => name != "event-stream",
        "application" => matches!(name, "json" | "javascript" | "xml") || name.ends_with("+json"),
        "image" => name == "svg+xml",
        _ => false,
    }
}

/// Whether nobody on the way may change the answer.
fn is_final(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CACHE_CONTROL).filter_map(|value| value.to_str().ok());
    values.any(|value| value.to_ascii_lowercase().contains("no-transform"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_what_is_compressed_already() {
        let kind = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            is_text(&headers)
        };
        for text in [
            "application/json",
            "application/problem+json",
            "text/csv; charset=utf-8",
            "Text/HTML",
            "image/svg+xml",
        ] {
            assert!(kind(text), "{text}");
        }
        for other in ["text/event-stream", "application/pdf", "image/png", "application/octet-stream", ""] {
            assert!(!kind(other), "{other}");
        }
        assert!(!is_text(&HeaderMap::new()));
    }
}
