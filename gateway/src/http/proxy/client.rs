//! The HTTP clients by which the gateway reaches the services.

use super::{
    answer_body::{AnswerGuards, answer_body},
    connection::UpstreamConnector,
    event_stream_limit::EventStreamLimit,
    headers::client_headers,
    overload::RETRY_AFTER,
    request_body::{BufferedBody, UploadBudget},
};
use crate::{
    actors::{InFlightRequest, LoadKind, Upstream},
    domain::routing_table::ServiceName,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header::HeaderMap},
};
use awc::{
    Client, ClientResponse, Connector,
    error::{ConnectError, SendRequestError},
};
use shared::http::{Code, Problem};
use std::time::Duration;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection is kept. Services close idle ones after 5 seconds at least, so a request never
/// takes a connection that its service is just closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections of one thread to one service at most; requests beyond them wait for their turn.
const MOST_CONNECTIONS: usize = 1024;
/// How long a client may take to send a body, unless a service may take less.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of large bodies that one thread reads at the same time.
const UPLOAD_BYTES: usize = 64 << 20;

/// The HTTP clients of one thread of the gateway; clients cannot be shared between threads.
pub(crate) struct ProxyClient {
    /// One a service, so that none takes the connections of another.
    ordinary: [(ServiceName, UpstreamClient); 3],
    /// Streams stay open: they must not take the connections of ordinary requests.
    pub(super) streams: UpstreamClient,
    pub(super) stream_limit: EventStreamLimit,
    pub(super) upload_timeout: Duration,
    pub(super) uploads: UploadBudget,
}

impl ProxyClient {
    /// A client whose services may take `timeout` to begin an answer, and between its parts. A stream may be
    /// silent for `stream_pause`.
    pub(crate) fn new(timeout: Duration, stream_pause: Duration, stream_limit: EventStreamLimit) -> Self {
        let ordinary = |service| {
            let client = UpstreamClient::new(MOST_CONNECTIONS, timeout, LoadKind::Requests, timeout);
            (service, client)
        };
        Self {
            ordinary: ServiceName::UPSTREAMS.map(ordinary),
            streams: UpstreamClient::new(0, timeout, LoadKind::Streams, stream_pause),
            stream_limit,
            upload_timeout: timeout.min(UPLOAD_TIMEOUT),
            uploads: UploadBudget::new(UPLOAD_BYTES),
        }
    }

    /// The client for ordinary requests to a service.
    pub(super) fn of(&self, service: ServiceName) -> Option<&UpstreamClient> {
        self.ordinary.iter().find(|(of, _)| *of == service).map(|(_, client)| client)
    }
}

/// A client for one kind of request.
pub(super) struct UpstreamClient {
    client: Client,
    load: LoadKind,
    /// How long an answer may pause between two parts.
    pub(super) pause: Duration,
}

impl UpstreamClient {
    /// `connections` of 0 stands for any number; `timeout` bounds the wait for the beginning of an answer.
    fn new(connections: usize, timeout: Duration, load: LoadKind, pause: Duration) -> Self {
        let connector = Connector::new()
            .connector(UpstreamConnector::new())
            .timeout(CONNECT_TIMEOUT)
            .conn_keep_alive(IDLE_TIMEOUT)
            .limit(connections);
        let client = Client::builder()
            .connector(connector)
            .timeout(timeout)
            .disable_redirects()
            .no_default_headers()
            .finish();
        Self { client, load, pause }
    }
}

/// A request, as it is sent to a service.
pub(super) struct ForwardedRequest<'a> {
    pub(super) client: &'a UpstreamClient,
    pub(super) request: &'a HttpRequest,
    pub(super) headers: HeaderMap,
    pub(super) body: BufferedBody,
}

impl ForwardedRequest<'_> {
    /// Sends the request to an instance, or to another one where that is safe; returns the beginning of the
    /// answer.
    pub(super) async fn exchange(
        &self,
        upstream: &Upstream,
    ) -> Result<(ClientResponse, InFlightRequest), Problem> {
        let mut in_flight = upstream.pick(self.client.load)?;
        let mut answer = self.send(&in_flight).await;
        if let Err(error) = &answer
            && self.may_repeat(error)
        {
            report(&in_flight, error);
            // Ended first, so that another instance counts as less busy.
            drop(in_flight);
            in_flight = upstream.pick(self.client.load)?;
            answer = self.send(&in_flight).await;
        }
        match answer {
            Ok(answer) => {
                in_flight.answered();
                Ok((answer, in_flight))
            }
            Err(error) => {
                report(&in_flight, &error);
                Err(self.problem(&error))
            }
        }
    }

    async fn send(&self, in_flight: &InFlightRequest) -> Result<ClientResponse, SendRequestError> {
        let target = self.request.uri().path_and_query().map_or("/", |target| target.as_str());
        let method = self.request.method().clone();
        let mut outgoing = self.client.client.request(method, in_flight.address(target)).no_decompress();
        *outgoing.headers_mut() = self.headers.clone();
        match self.body.bytes.clone() {
            Some(bytes) => outgoing.send_body(bytes).await,
            None => outgoing.send_body(()).await,
        }
    }

    /// Whether the request may be sent again: a GET without a body whose connection died. The service may have
    /// closed a kept connection just then, or the instance has gone and another answers.
    fn may_repeat(&self, error: &SendRequestError) -> bool {
        let died = matches!(
            error,
            SendRequestError::Connect(_) | SendRequestError::Send(_) | SendRequestError::Response(_)
        );
        self.request.method() == Method::GET && self.body.bytes.is_none() && died
    }

    fn problem(&self, error: &SendRequestError) -> Problem {
        tracing::warn!(error.message = %error, http.path = self.request.path(), "An upstream did not answer");
        match error {
            SendRequestError::Timeout => Problem::new(Code::UpstreamTimeout),
            _ => Problem::new(Code::UpstreamUnavailable).retry_after(RETRY_AFTER),
        }
    }
}

/// Reports what an error says about the instance.
fn report(in_flight: &InFlightRequest, error: &SendRequestError) {
    match error {
        SendRequestError::Timeout | SendRequestError::Connect(ConnectError::Timeout) => {
            in_flight.unanswered();
        }
        // An established connection that ends says nothing about the instance.
        SendRequestError::Connect(ConnectError::Disconnected) => {}
        SendRequestError::Connect(_) => in_flight.refused(),
        _ => {}
    }
}

/// The service's answer, as the client gets it.
pub(super) fn pass_back(answer: ClientResponse, pause: Duration, guards: AnswerGuards) -> HttpResponse {
    let mut response = HttpResponse::new(answer.status());
    *response.headers_mut() = client_headers(answer.headers());
    response.set_body(answer_body(answer, pause, guards))
}
