//! The id of a request, which its answer and its log lines carry.

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest},
};
use std::future;
use uuid::Uuid;

/// The id of a request, in `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// A valid incoming id is kept: 1-128 letters, digits and `-_.`; else a new one is made.
    pub(super) fn of(request: &ServiceRequest) -> Self {
        let valid = |text: &&str| {
            (1..=128).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let incoming =
            request.headers().get("x-request-id").and_then(|value| value.to_str().ok()).filter(valid);
        Self(incoming.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    /// The id of a request that is being answered; empty outside of the envelope.
    pub(crate) fn of_answered(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(|| Self(String::new()))
    }
}

impl FromRequest for RequestId {
    type Error = Error;
    type Future = future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Ok(Self::of_answered(request)))
    }
}
