//! Bodies on their way through the gateway. Those of requests are small, and read before a service is asked;
//! answers are passed on piece by piece, never collected.

use super::{AGAIN, streams::Stream};
use crate::actors::InFlight;
use actix_web::{
    body::{BodyStream, BoxBody, MessageBody, SizedStream},
    error::PayloadError,
    http::{StatusCode, header},
    web::{Bytes, BytesMut},
};
use awc::ClientResponse;
use futures_util::{StreamExt, stream};
use shared::http::{Code, Problem, input::BODY_LIMIT};
use std::{future, io, pin::Pin, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why an answer ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
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

    /// Bytes that it may have.
    fn most(self) -> usize {
        match self {
            Self::None => 0,
            Self::Sized(length) => {
                usize::try_from(length).map_or(BODY_LIMIT, |length| length.min(BODY_LIMIT))
            }
            Self::Chunked => BODY_LIMIT,
        }
    }

    /// Whether the head alone says that it is too large.
    pub(super) fn is_too_large(self) -> bool {
        matches!(self, Self::Sized(length) if length > BODY_LIMIT as u64)
    }
}

/// Bodies of this size and less are read whatever else there is.
const SMALL: usize = 16 * 1024;

/// Room for the larger bodies that are read at the same time, bytes.
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let full = || Problem::new(Code::Overloaded).retry_after(AGAIN);
        let bytes = u32::try_from(bytes).map_err(|_| full())?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| full())
    }
}

/// A request's body, whole.
pub(super) struct Collected {
    /// `None`: the request has none.
    pub(super) bytes: Option<Bytes>,
    /// Given back with it.
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a request's body before a service hears of the request: who sends slowly, or nothing, takes
/// nobody's connection.
///
/// # Errors
/// `payload_too_large`; `malformed_json` where its sender went away, sent what is no body, or took too
/// long; `overloaded` where there is no room for large bodies.
pub(super) async fn collect(
    payload: impl futures_util::Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    size: RequestBody,
    within: Duration,
    room: &Room,
) -> Result<Collected, Problem> {
    if size == RequestBody::None {
        return Ok(Collected { bytes: None, _room: None });
    }
    let collected = tokio::time::timeout(within, read(payload, size, room)).await;
    collected.unwrap_or_else(|_| Err(incomplete()))
}

fn incomplete() -> Problem {
    Problem::new(Code::MalformedJson).detail("the body is incomplete")
}

async fn read(
    mut payload: impl futures_util::Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    size: RequestBody,
    room: &Room,
) -> Result<Collected, Problem> {
    let mut bytes = BytesMut::new();
    let mut taken = None;
    while let Some(part) = payload.next().await {
        let part = part.map_err(|_| incomplete())?;
        let length = bytes.len() + part.len();
        if length > BODY_LIMIT {
            return Err(Problem::new(Code::PayloadTooLarge));
        }
        if length > SMALL && taken.is_none() {
            taken = Some(room.take(size.most())?);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Collected { bytes: Some(bytes.freeze()), _room: taken })
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

    /// Collects parts of so many bytes; `None` for one that does not come.
    async fn collected(parts: &[Option<usize>], size: RequestBody, room: &Room) -> Result<Collected, Code> {
        let parts = parts.iter().map(|part| async move {
            match part {
                Some(length) => Ok::<_, PayloadError>(Bytes::from(vec![b'x'; *length])),
                None => future::pending().await,
            }
        });
        let parts = Box::pin(stream::iter(parts.collect::<Vec<_>>()).then(|part| part));
        collect(parts, size, Duration::from_millis(20), room).await.map_err(|problem| problem.code())
    }

    fn code(collected: Result<Collected, Code>) -> Option<Code> {
        collected.err()
    }

    #[actix_web::test]
    async fn a_body_is_read_whole_within_its_limits() {
        let room = Room::new(BODY_LIMIT);
        let whole = collected(&[Some(1), Some(2)], RequestBody::Sized(3), &room).await.unwrap();
        assert_eq!(whole.bytes.unwrap(), "xxx");
        assert!(collected(&[], RequestBody::None, &room).await.unwrap().bytes.is_none());
        let over = collected(&[Some(BODY_LIMIT), Some(1)], RequestBody::Chunked, &room).await;
        assert_eq!(code(over), Some(Code::PayloadTooLarge));
        let stalled = collected(&[Some(1), None], RequestBody::Sized(2), &room).await;
        assert_eq!(code(stalled), Some(Code::MalformedJson));
    }

    #[actix_web::test]
    async fn large_bodies_at_the_same_time_are_bounded_and_small_ones_are_not() {
        let room = Room::new(2 * SMALL);
        let large = RequestBody::Sized(2 * SMALL as u64);
        let first = collected(&[Some(2 * SMALL)], large, &room).await.unwrap();
        assert_eq!(code(collected(&[Some(2 * SMALL)], large, &room).await), Some(Code::Overloaded));
        assert!(collected(&[Some(SMALL)], RequestBody::Chunked, &room).await.is_ok());
        drop(first);
        assert!(collected(&[Some(2 * SMALL)], large, &room).await.is_ok());
    }
}
