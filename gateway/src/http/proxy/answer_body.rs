//! Answers of services, passed on piece by piece and never collected.

use super::{answer_head::AnswerFraming, body_reader::BodyReader, event_stream_limit::StreamSlot};
use crate::actors::InFlightRequest;
use actix_web::{
    body::{BodyStream, BoxBody, MessageBody, SizedStream},
    web::Bytes,
};
use futures_util::stream;
use std::{future, io, time::Duration};

/// Why an answer is incomplete.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerBodyError {
    /// The service went away, or sent an invalid body.
    #[error("the body is incomplete")]
    Incomplete(#[source] io::Error),
    /// The service stopped sending.
    #[error("the body stalled")]
    Stalled,
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

/// A body that has not come whole, as the client gets it. It keeps its guards until it ends, and may pause for `pause`
/// between two parts.
pub(super) fn streamed(
    body: BodyReader,
    framing: AnswerFraming,
    pause: Duration,
    guards: AnswerGuards,
) -> BoxBody {
    let parts = Box::pin(bounded(body, pause, guards));
    match framing {
        AnswerFraming::Length(length) => SizedStream::new(length, parts).boxed(),
        _ => BodyStream::new(parts).boxed(),
    }
}

/// The parts of a body, with a bound on the wait for each.
fn bounded(
    body: BodyReader,
    pause: Duration,
    guards: AnswerGuards,
) -> impl futures_util::Stream<Item = Result<Bytes, AnswerBodyError>> {
    stream::try_unfold((body, guards), move |(mut body, mut guards)| async move {
        tokio::select! {
            biased;
            () = guards.ended() => Ok(None),
            part = tokio::time::timeout(pause, body.next()) => match part {
                Ok(Ok(Some(part))) => Ok(Some((part, (body, guards)))),
                Ok(Ok(None)) => Ok(None),
                Ok(Err(error)) => Err(AnswerBodyError::Incomplete(error)),
                Err(_) => Err(AnswerBodyError::Stalled),
            },
        }
    })
}
