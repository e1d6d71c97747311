//! The HTTP clients by which the gateway reaches the services.

use super::{
    answer_body::{AnswerGuards, answer_body},
    connection::UpstreamConnector,
    event_stream_limit::EventStreamLimit,
    headers::client_headers,
    request_body::UploadBudget,
};
use crate::{actors::LoadKind, domain::routing_table::ServiceName};
use actix_web::HttpResponse;
use awc::{Client, ClientResponse, Connector};
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
    pub(super) client: Client,
    pub(super) load: LoadKind,
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

/// The service's answer, as the client gets it.
pub(super) fn pass_back(answer: ClientResponse, pause: Duration, guards: AnswerGuards) -> HttpResponse {
    let mut response = HttpResponse::new(answer.status());
    *response.headers_mut() = client_headers(answer.headers());
    response.set_body(answer_body(answer, pause, guards))
}
