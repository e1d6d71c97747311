//! The HTTP/1.1 client by which the gateway reaches the services.
//!
//! It is our own because it is on the way of every request, and costs a quarter less processor time than a general one:
//! the head is written and read once, in place, and an answer that has come whole is passed on whole
//! (ADR 0048).

use super::{
    answer_body::{AnswerGuards, streamed},
    answer_head::{AnswerFraming, AnswerHead, InvalidAnswer, head_length, read_head},
    body_reader::BodyReader,
    connection::{ConnectionPool, UpstreamConnection},
    event_stream_limit::EventStreamLimit,
    request_body::Uploads,
};
use crate::actors::LoadKind;
use actix_web::{
    HttpResponse,
    body::{self, BoxBody, MessageBody},
};
use std::{io, net::SocketAddr, time::Duration};
use tokio::time::timeout;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of an answer's head at most.
const LARGEST_HEAD: usize = 64 * 1024;
/// Bytes of a body that is copied behind its head: that costs less than another packet.
const SMALL_BODY: usize = 16 * 1024;
/// How long a client may take to send a body, unless a service may take less.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// The connection was not taken; nothing was sent.
    #[error("the connection was refused")]
    Refused(#[source] io::Error),
    /// The connection was not taken in time; nothing was sent.
    #[error("the connection was not taken in time")]
    Unreachable,
    /// The connection ended before the answer began.
    #[error("the connection ended before the answer")]
    Ended(#[source] io::Error),
    /// The answer is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidAnswer),
}

/// The connections of one thread of the gateway, and what it may do at once.
pub(crate) struct ProxyClient {
    connections: ConnectionPool,
    /// How long a service may take until its answer begins, and between the parts of an ordinary answer.
    pub(super) timeout: Duration,
    /// How long a stream may be silent.
    stream_pause: Duration,
    pub(super) stream_limit: EventStreamLimit,
    pub(super) uploads: Uploads,
}

impl ProxyClient {
    /// A client whose services may take `timeout` to begin an answer, and between its parts. A stream may be
    /// silent for `stream_pause`.
    pub(crate) fn new(timeout: Duration, stream_pause: Duration, stream_limit: EventStreamLimit) -> Self {
        Self {
            connections: ConnectionPool::default(),
            timeout,
            stream_pause,
            stream_limit,
            uploads: Uploads::new(timeout.min(UPLOAD_TIMEOUT)),
        }
    }

    /// How long an answer may pause between two parts.
    pub(super) fn pause(&self, load: LoadKind) -> Duration {
        match load {
            LoadKind::Requests => self.timeout,
            LoadKind::Streams => self.stream_pause,
        }
    }

    /// Sends a request, head and body, and reads the beginning of its answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) async fn send(
        &self,
        socket: SocketAddr,
        mut head: Vec<u8>,
        body: &[u8],
    ) -> Result<UpstreamAnswer, ClientError> {
        let connecting = timeout(CONNECT_TIMEOUT, self.connections.connect(socket));
        let opened = connecting.await.map_err(|_| ClientError::Unreachable)?;
        let mut connection = opened.map_err(ClientError::Refused)?;
        // A small body leaves with its head.
        let (with_head, rest) = body.split_at(if body.len() <= SMALL_BODY { body.len() } else { 0 });
        head.extend_from_slice(with_head);
        connection.write(&head).await.map_err(ClientError::Ended)?;
        connection.write(rest).await.map_err(ClientError::Ended)?;
        let head = read_answer_head(&mut connection).await?;
        let kept = head.keeps_alive.then(|| (self.connections.clone(), socket));
        let body = BodyReader::new(connection, head.framing, kept);
        Ok(UpstreamAnswer { head, body })
    }
}

/// Reads the head of the final answer; interim ones (RFC 9110, 15.2) are passed over.
async fn read_answer_head(connection: &mut UpstreamConnection) -> Result<AnswerHead, ClientError> {
    loop {
        if let Some(length) = head_length(&connection.buffer)? {
            let head = read_head(&connection.buffer.split_to(length).freeze())?;
            match head.status.as_u16() {
                // Nobody has asked for another protocol.
                101 => return Err(InvalidAnswer.into()),
                100..=199 => continue,
                _ => return Ok(head),
            }
        }
        if connection.buffer.len() > LARGEST_HEAD {
            return Err(InvalidAnswer.into());
        }
        if !connection.read_more().await.map_err(ClientError::Ended)? {
            return Err(ClientError::Ended(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// A service's answer: its head, and the way to its body.
pub(super) struct UpstreamAnswer {
    pub(super) head: AnswerHead,
    body: BodyReader,
}

impl UpstreamAnswer {
    /// The answer as the client gets it. It keeps its guards until its body ends, and may pause for `pause` between two
    /// parts.
    pub(super) fn pass_back(mut self, pause: Duration, guards: AnswerGuards) -> HttpResponse {
        let mut response = HttpResponse::new(self.head.status);
        *response.headers_mut() = self.head.headers;
        let body = match (self.head.framing, self.body.whole()) {
            (AnswerFraming::None, _) => BoxBody::new(body::None::new()),
            (_, Some(whole)) => whole.boxed(),
            (framing, None) => streamed(self.body, framing, pause, guards),
        };
        response.set_body(body)
    }
}
