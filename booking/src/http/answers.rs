//! The answers of requests that make or change bookings.

use super::cache_control::PRIVATE;
use crate::error::refused;
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use booking_engine::{booking::idempotency::StoredAnswer, sell::outcome::SalesOutcome};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::{
    events::BookingState,
    http::{Code, Problem, RequestId},
};
use std::fmt::Write as _;

/// The entity tag of a booking: of all that is shown of it, for its version alone does not tell of what
/// changes by the clock, by the provider's word on a refund, or with its flights. What a guest sees has
/// a tag of its own.
pub(super) fn tag(booking: &BookingState) -> Result<String, Problem> {
    let shown = serde_json::to_vec(booking).map_err(|error| Problem::internal(&error))?;
    Ok(tag_of(booking.version, &shown))
}

/// An entity tag of what is shown of a version.
pub(super) fn tag_of(version: i64, shown: &[u8]) -> String {
    let mut tag = format!("\"{version}-");
    for byte in &Sha256::digest(shown)[..12] {
        // Writing to a text does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// The answer to a request with this status of success.
pub(super) fn answer(
    sold: SalesOutcome,
    success: StatusCode,
    request: &RequestId,
) -> Result<HttpResponse, Problem> {
    match sold {
        SalesOutcome::Done(state) => {
            let body = state.text().as_str();
            let tag = tag_of(state.version, body.as_bytes());
            let mut response = HttpResponse::build(success);
            response.insert_header((header::CACHE_CONTROL, PRIVATE)).insert_header((header::ETAG, tag));
            if success == StatusCode::CREATED {
                response.insert_header((header::LOCATION, location(&state.id)));
            }
            Ok(response.content_type(header::ContentType::json()).body(body.to_owned()))
        }
        SalesOutcome::Quoted(quote) => {
            Ok(HttpResponse::build(success).insert_header((header::CACHE_CONTROL, PRIVATE)).json(quote))
        }
        SalesOutcome::Replay(stored) => replay(&stored, request),
        SalesOutcome::Declined(state) => Err(Problem::new(Code::PaymentDeclined).with("booking", &*state)),
        SalesOutcome::Unsettled(state) => Err(Problem::new(Code::UpstreamTimeout)
            .detail("The payment is not settled yet. It will be; the booking shows how.")
            .with("booking", &*state)),
        SalesOutcome::Refused(refusal) => Err(refused(refusal)),
    }
}

fn location(id: &impl std::fmt::Display) -> String {
    format!("/api/v1/bookings/{id}")
}

/// An answer from before, as it was.
fn replay(stored: &StoredAnswer, request: &RequestId) -> Result<HttpResponse, Problem> {
    let booking: Value = serde_json::from_str(&stored.booking).map_err(|error| Problem::internal(&error))?;
    let status = u16::try_from(stored.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = match status {
        Some(StatusCode::PAYMENT_REQUIRED) => {
            Problem::new(Code::PaymentDeclined).with("booking", booking).to_response(Some(&request.0))
        }
        status => {
            let status = status.unwrap_or(StatusCode::OK);
            let mut response = HttpResponse::build(status);
            response.insert_header((header::CACHE_CONTROL, PRIVATE));
            // Of a booking, as its first answer had it; a quote has none.
            if let Some(version) = booking["version"].as_i64() {
                response.insert_header((header::ETAG, tag_of(version, stored.booking.as_bytes())));
            }
            if status == StatusCode::CREATED
                && let Some(id) = booking["id"].as_str()
            {
                response.insert_header((header::LOCATION, location(&id)));
            }
            response.content_type("application/json").body(stored.booking.clone())
        }
    };
    let replayed = header::HeaderName::from_static("idempotent-replayed");
    response.headers_mut().insert(replayed, header::HeaderValue::from_static("true"));
    Ok(response)
}
