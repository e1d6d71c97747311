//! Answers of services, passed on piece by piece and never collected.

use super::event_stream_limit::StreamSlot;
use crate::actors::InFlightRequest;
use actix_web::{
    body::{BodyStream, BoxBody, MessageBody, SizedStream},
    error::PayloadError,
    http::{StatusCode, header},
    web::Bytes,
};
use awc::ClientResponse;
use futures_util::{StreamExt, stream};
use std::{future, io, pin::Pin, time::Duration};

/// Why an answer is incomplete.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerBodyError {
    /// The service went away, or sent an invalid body.
    #[error("the body is incomplete")]
    Incomplete(#[source] PayloadError),
    /// The service stopped sending.
    #[error("the body stalled")]
    Stalled,
}

/// Whether the error is the end of the connection (see `connection.rs`).
fn is_end_of_connection(error: &PayloadError) -> bool {
    let (PayloadError::Incomplete(Some(error)) | PayloadError::Io(error)) = error else { return false };
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// Keeps an answer counted until its end.
pub(super) struct AnswerGuards {
    /// Counts as load of the instance.
    _instance: InFlightRequest,
    /// Counts as a stream, if it is one.
    stream: Option<StreamSlot>,
}

impl AnswerGuards {
    pub(super) fn new(instance: InFlightRequest, stream: Option<StreamSlot>) -> Self {
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

/// A service's body, as the client gets it. It keeps its guards until it ends, and may pause for `pause` between
/// two parts.
pub(super) fn answer_body(response: ClientResponse, pause: Duration, guards: AnswerGuards) -> BoxBody {
    let status = response.status();
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return BoxBody::new(actix_web::body::None::new());
    }
    let length =
        response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // A body whose head tells no end ends with its connection.
    let has_end = length.is_some() || response.headers().contains_key(header::TRANSFER_ENCODING);
    let parts = bounded(Box::pin(response), has_end, pause, guards);
    match length {
        Some(length) => SizedStream::new(length, parts).boxed(),
        None => BodyStream::new(parts).boxed(),
    }
}

type PinnedAnswer = Pin<Box<ClientResponse>>;

/// The parts of a body, with a bound on the wait for each.
fn bounded(
    response: PinnedAnswer,
    has_end: bool,
    pause: Duration,
    guards: AnswerGuards,
) -> impl futures_util::Stream<Item = Result<Bytes, AnswerBodyError>> {
    stream::try_unfold((response, guards), move |(mut response, mut guards)| async move {
        tokio::select! {
            biased;
            () = guards.ended() => Ok(None),
            part = tokio::time::timeout(pause, response.next()) => match part {
                Ok(Some(Ok(part))) => Ok(Some((part, (response, guards)))),
                Ok(Some(Err(error))) if !has_end && is_end_of_connection(&error) => Ok(None),
                Ok(Some(Err(error))) => Err(AnswerBodyError::Incomplete(error)),
                Ok(None) => Ok(None),
                Err(_) => Err(AnswerBodyError::Stalled),
            },
        }
    })
}
