//! Bodies on their way through the gateway: passed on piece by piece, never collected.

use super::streams::Stream;
use crate::actors::InFlight;
use actix_web::{
    body::{BodyStream, BoxBody, MessageBody, SizedStream},
    error::PayloadError,
    http::{StatusCode, header},
    web::{Bytes, Payload},
};
use awc::ClientResponse;
use futures_util::{StreamExt, stream};
use shared::http::input::BODY_LIMIT;
use std::{cell::Cell, future, io, pin::Pin, rc::Rc, task::Poll, time::Duration};

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// More than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// The sender went away, or sent what is no body.
    #[error("the body is incomplete")]
    Incomplete(#[source] PayloadError),
    /// The sender stopped sending.
    #[error("the body stalled")]
    Stalled,
}

/// Whether the connection ended, which the connections to services tell as an error.
fn is_end_of_connection(error: &PayloadError) -> bool {
    let (PayloadError::Incomplete(Some(error)) | PayloadError::Io(error)) = error else { return false };
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// What a request's head says of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestBody {
    None,
    Sized(u64),
    Chunked,
}

impl RequestBody {
    pub(super) fn of(headers: &header::HeaderMap) -> Self {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        match length {
            Some(0) => Self::None,
            Some(length) => Self::Sized(length),
            None if headers.contains_key(header::TRANSFER_ENCODING) => Self::Chunked,
            None => Self::None,
        }
    }

    /// Whether the head alone says that it is too large.
    pub(super) fn is_too_large(self) -> bool {
        matches!(self, Self::Sized(length) if length > BODY_LIMIT as u64)
    }
}

/// What became of a request's body while it was passed on.
#[derive(Clone, Default)]
pub(super) struct Passage(Rc<Cell<Outcome>>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    NotStarted,
    UnderWay,
    Whole,
    TooLarge,
    Incomplete,
}

impl Passage {
    /// The body grew beyond the limit.
    pub(super) fn was_too_large(&self) -> bool {
        self.0.get() == Outcome::TooLarge
    }

    /// The client went away before its end, or sent what is no body.
    pub(super) fn was_incomplete(&self) -> bool {
        self.0.get() == Outcome::Incomplete
    }

    /// The client has begun and not ended: a wait that was too long was for it, not for the upstream.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.get() == Outcome::UnderWay
    }

    /// The body as the upstream gets it, counted on the way.
    pub(super) fn pass(&self, payload: Payload, size: RequestBody) -> BoxBody {
        let outcome = Rc::clone(&self.0);
        let (started, whole) = (Rc::clone(&self.0), Rc::clone(&self.0));
        let mut passed: usize = 0;
        let counted = payload.map(move |chunk| {
            let chunk = chunk.map_err(|error| {
                outcome.set(Outcome::Incomplete);
                BodyError::Incomplete(error)
            })?;
            passed += chunk.len();
            if passed > BODY_LIMIT {
                outcome.set(Outcome::TooLarge);
                return Err(BodyError::TooLarge);
            }
            if size == RequestBody::Sized(passed as u64) {
                // The upstream's side stops asking here, without looking for the end.
                outcome.set(Outcome::Whole);
            }
            Ok(chunk)
        });
        let begin = stream::poll_fn(move |_| {
            started.set(Outcome::UnderWay);
            Poll::Ready(None)
        });
        let end = stream::poll_fn(move |_| {
            whole.set(Outcome::Whole);
            Poll::Ready(None)
        });
        let counted = begin.chain(counted).chain(end);
        match size {
            RequestBody::None => {
                self.0.set(Outcome::Whole);
                BoxBody::new(())
            }
            RequestBody::Sized(length) => SizedStream::new(length, counted).boxed(),
            RequestBody::Chunked => BodyStream::new(counted).boxed(),
        }
    }
}

/// The places that an answer keeps until its end.
pub(super) struct Places {
    /// At the instance that answers.
    _instance: InFlight,
    /// Among the streams, where it is one.
    stream: Option<Stream>,
}

impl Places {
    pub(super) fn new(instance: InFlight, stream: Option<Stream>) -> Self {
        Self { _instance: instance, stream }
    }

    /// Ready when the answer has to end, because the gateway stops.
    async fn ended(&mut self) {
        match &mut self.stream {
            Some(stream) => stream.ended().await,
            None => future::pending().await,
        }
    }
}

/// An upstream's body as the client gets it. It keeps its places until it ends, and may pause for so
/// long between two parts.
pub(super) fn answer_body(response: ClientResponse, pause: Duration, places: Places) -> BoxBody {
    let status = response.status();
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return BoxBody::new(actix_web::body::None::new());
    }
    let length =
        response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // A body whose head tells no end ends with its connection.
    let has_end = length.is_some() || response.headers().contains_key(header::TRANSFER_ENCODING);
    let parts = bounded(Box::pin(response), has_end, pause, places);
    match length {
        Some(length) => SizedStream::new(length, parts).boxed(),
        None => BodyStream::new(parts).boxed(),
    }
}

type Parts = Pin<Box<ClientResponse>>;

/// The parts of a body, with a bound on the wait for each.
fn bounded(
    response: Parts,
    has_end: bool,
    pause: Duration,
    places: Places,
) -> impl futures_util::Stream<Item = Result<Bytes, BodyError>> {
    stream::try_unfold((response, places), move |(mut response, mut places)| async move {
        tokio::select! {
            biased;
            () = places.ended() => Ok(None),
            part = tokio::time::timeout(pause, response.next()) => match part {
                Ok(Some(Ok(part))) => Ok(Some((part, (response, places)))),
                Ok(Some(Err(error))) if !has_end && is_end_of_connection(&error) => Ok(None),
                Ok(Some(Err(error))) => Err(BodyError::Incomplete(error)),
                Ok(None) => Ok(None),
                Err(_) => Err(BodyError::Stalled),
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn the_head_tells_of_the_body() {
        let body = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            RequestBody::of(&headers)
        };
        assert_eq!(body("content-length", "0"), RequestBody::None);
        assert_eq!(body("content-length", "7"), RequestBody::Sized(7));
        assert_eq!(body("transfer-encoding", "chunked"), RequestBody::Chunked);
        assert_eq!(body("accept", "*/*"), RequestBody::None);
        assert!(!body("content-length", "262144").is_too_large());
        assert!(body("content-length", "262145").is_too_large());
    }
}
