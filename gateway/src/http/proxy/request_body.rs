//! Request bodies. The gateway reads them before it asks a service: those of imports are large, all others are small.

use super::overload::overloaded;
use actix_web::{
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt;
use shared::http::{
    Code, Problem,
    input::{BODY_LIMIT, IMPORT_LIMIT, IMPORT_TIME},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How a request's head frames its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    None,
    Sized(u64),
    Chunked,
}

impl BodyFraming {
    pub(super) fn of(headers: &header::HeaderMap) -> Self {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        match length {
            Some(0) => Self::None,
            Some(length) => Self::Sized(length),
            None if headers.contains_key(header::TRANSFER_ENCODING) => Self::Chunked,
            None => Self::None,
        }
    }

    /// Bytes of the body at most.
    fn most(self, limit: usize) -> usize {
        match self {
            Self::None => 0,
            Self::Sized(length) => usize::try_from(length).map_or(limit, |length| length.min(limit)),
            Self::Chunked => limit,
        }
    }

    /// Whether the head alone says that it is larger than a route's bodies may be.
    pub(super) fn is_too_large(self, limit: usize) -> bool {
        matches!(self, Self::Sized(length) if length > limit as u64)
    }
}

/// Bytes of a body that is read without taking from the budget.
const SMALL_BODY: usize = 16 * 1024;

/// Bytes of larger bodies that may be read at the same time.
pub(super) struct UploadBudget(Arc<Semaphore>);

impl UploadBudget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let bytes = u32::try_from(bytes).map_err(|_| overloaded())?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| overloaded())
    }
}

/// The bounds of a route's bodies.
#[derive(Clone, Copy)]
pub(super) struct BodyBounds<'a> {
    /// Bytes at most.
    limit: usize,
    /// How long it may take to come in.
    within: Duration,
    budget: &'a UploadBudget,
}

/// How long clients may take to send their bodies, and how much of them is read at the same time.
pub(super) struct Uploads {
    /// For all bodies but those of imports.
    within: Duration,
    ordinary: UploadBudget,
    /// Apart, so that an import leaves bookings their part.
    imports: UploadBudget,
}

/// Bytes of large bodies that one thread reads at the same time.
const ORDINARY_BYTES: usize = 64 << 20;

impl Uploads {
    /// Bodies have this time, and those of imports more.
    pub(super) fn new(within: Duration) -> Self {
        Self { within, ordinary: UploadBudget::new(ORDINARY_BYTES), imports: UploadBudget::new(IMPORT_LIMIT) }
    }

    /// The bounds of bodies that may have so many bytes.
    pub(super) fn bounds(&self, limit: usize) -> BodyBounds<'_> {
        match limit > BODY_LIMIT {
            true => BodyBounds { limit, within: IMPORT_TIME, budget: &self.imports },
            false => BodyBounds { limit, within: self.within, budget: &self.ordinary },
        }
    }
}

/// A request's complete body.
pub(super) struct BufferedBody {
    /// `None`: the request has none.
    pub(super) bytes: Option<Bytes>,
    /// Returned to the budget when the body is dropped.
    _budget: Option<OwnedSemaphorePermit>,
}

/// Reads a request's body before the request is forwarded, so that a slow client takes no connection to a
/// service.
///
/// # Errors
/// `payload_too_large`; `malformed_json` where the client went away, sent an invalid body, or took too long;
/// `overloaded` where the budget for large bodies is used up.
pub(super) async fn collect(
    payload: impl futures_util::Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    framing: BodyFraming,
    bounds: BodyBounds<'_>,
) -> Result<BufferedBody, Problem> {
    if framing == BodyFraming::None {
        return Ok(BufferedBody { bytes: None, _budget: None });
    }
    let collected = tokio::time::timeout(bounds.within, read(payload, framing, bounds)).await;
    collected.unwrap_or_else(|_| Err(incomplete()))
}

fn incomplete() -> Problem {
    Problem::new(Code::MalformedJson).detail("the body is incomplete")
}

async fn read(
    mut payload: impl futures_util::Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    framing: BodyFraming,
    BodyBounds { limit, budget, .. }: BodyBounds<'_>,
) -> Result<BufferedBody, Problem> {
    let mut bytes = BytesMut::new();
    let mut taken = None;
    while let Some(part) = payload.next().await {
        let part = part.map_err(|_| incomplete())?;
        let length = bytes.len() + part.len();
        if length > limit {
            return Err(Problem::new(Code::PayloadTooLarge));
        }
        if length > SMALL_BODY && taken.is_none() {
            let most = framing.most(limit);
            taken = Some(budget.take(most)?);
            if most > BODY_LIMIT && matches!(framing, BodyFraming::Sized(_)) {
                // Once, and not by doubling.
                bytes.reserve(most - bytes.len());
            }
        }
        bytes.extend_from_slice(&part);
    }
    Ok(BufferedBody { bytes: Some(bytes.freeze()), _budget: taken })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use futures_util::stream;
    use std::future;

    #[test]
    fn the_head_tells_of_the_body() {
        let body = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            BodyFraming::of(&headers)
        };
        assert_eq!(body("content-length", "0"), BodyFraming::None);
        assert_eq!(body("content-length", "7"), BodyFraming::Sized(7));
        assert_eq!(body("transfer-encoding", "chunked"), BodyFraming::Chunked);
        assert_eq!(body("accept", "*/*"), BodyFraming::None);
        assert!(!body("content-length", "262144").is_too_large(BODY_LIMIT));
        assert!(body("content-length", "262145").is_too_large(BODY_LIMIT));
        assert!(!body("content-length", "33554432").is_too_large(IMPORT_LIMIT));
        assert!(body("content-length", "33554433").is_too_large(IMPORT_LIMIT));
    }

    /// Collects a body in parts. Each part has this number of bytes; `None`: it never arrives.
    async fn collected(
        parts: &[Option<usize>],
        framing: BodyFraming,
        budget: &UploadBudget,
    ) -> Result<BufferedBody, Code> {
        let parts = parts.iter().map(|part| async move {
            match part {
                Some(length) => Ok::<_, PayloadError>(Bytes::from(vec![b'x'; *length])),
                None => future::pending().await,
            }
        });
        let parts = Box::pin(stream::iter(parts.collect::<Vec<_>>()).then(|part| part));
        let bounds = BodyBounds { limit: BODY_LIMIT, within: Duration::from_millis(20), budget };
        collect(parts, framing, bounds).await.map_err(|problem| problem.code())
    }

    fn code(collected: Result<BufferedBody, Code>) -> Option<Code> {
        collected.err()
    }

    #[actix_web::test]
    async fn a_body_is_read_whole_within_its_limits() {
        let budget = UploadBudget::new(BODY_LIMIT);
        let whole = collected(&[Some(1), Some(2)], BodyFraming::Sized(3), &budget).await.unwrap();
        assert_eq!(whole.bytes.unwrap(), "xxx");
        assert!(collected(&[], BodyFraming::None, &budget).await.unwrap().bytes.is_none());
        let over = collected(&[Some(BODY_LIMIT), Some(1)], BodyFraming::Chunked, &budget).await;
        assert_eq!(code(over), Some(Code::PayloadTooLarge));
        let stalled = collected(&[Some(1), None], BodyFraming::Sized(2), &budget).await;
        assert_eq!(code(stalled), Some(Code::MalformedJson));
    }

    #[actix_web::test]
    async fn an_import_has_bounds_of_its_own() {
        let uploads = Uploads::new(Duration::from_millis(20));
        let half = || stream::iter([Ok::<_, PayloadError>(Bytes::from(vec![b'x'; IMPORT_LIMIT / 2]))]);
        let code = async |parts: usize, framing| {
            let parts = stream::iter(0..parts).flat_map(|_| half());
            let read = collect(Box::pin(parts), framing, uploads.bounds(IMPORT_LIMIT)).await;
            read.map(|body| (body.bytes.as_ref().map(Bytes::len), body)).map_err(|problem| problem.code())
        };
        let whole = BodyFraming::Sized(IMPORT_LIMIT as u64);
        let (length, first) = code(2, whole).await.ok().unwrap();
        assert_eq!(length, Some(IMPORT_LIMIT));
        assert_eq!(code(1, BodyFraming::Chunked).await.err(), Some(Code::Overloaded), "one at a time");
        let ordinary = stream::iter([Ok::<_, PayloadError>(Bytes::from(vec![b'x'; BODY_LIMIT]))]);
        assert!(collect(ordinary, BodyFraming::Chunked, uploads.bounds(BODY_LIMIT)).await.is_ok());
        drop(first);
        assert_eq!(code(3, BodyFraming::Chunked).await.err(), Some(Code::PayloadTooLarge));
    }

    #[actix_web::test]
    async fn large_bodies_at_the_same_time_are_bounded_and_small_ones_are_not() {
        let budget = UploadBudget::new(2 * SMALL_BODY);
        let large = BodyFraming::Sized(2 * SMALL_BODY as u64);
        let first = collected(&[Some(2 * SMALL_BODY)], large, &budget).await.unwrap();
        assert_eq!(code(collected(&[Some(2 * SMALL_BODY)], large, &budget).await), Some(Code::Overloaded));
        assert!(collected(&[Some(SMALL_BODY)], BodyFraming::Chunked, &budget).await.is_ok());
        drop(first);
        assert!(collected(&[Some(2 * SMALL_BODY)], large, &budget).await.is_ok());
    }
}
