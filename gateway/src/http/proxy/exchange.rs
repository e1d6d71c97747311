//! A request and its answer: sent to the instance that suits it, and once more to another one where that is safe.
//!
//! | what happened at the first instance | which requests are sent once more |
//! |---|---|
//! | no connection could be opened | all: nothing was sent |
//! | the connection ended before the answer began | repeatable ones |
//! | the instance leaves its probes unanswered, and the request has waited for a second | repeatable ones, if another instance is usable |
//! | the instance answers its probes, but not the request in time | none: the time is over |
//! | the instance answered, whatever it said | none |
//!
//! Repeatable are GET and HEAD; PUT and DELETE without `If-Match` (with it, the repeat of a change that was made would
//! get 412); and POST to booking with an `Idempotency-Key`, under which booking makes a change once.

use super::{
    client::UpstreamClient,
    headers::{GatewayHeaders, upstream_headers},
    overload::RETRY_AFTER,
    request_body::BufferedBody,
};
use crate::{
    actors::{InFlightRequest, InstanceChoice, Upstream},
    domain::{
        rendezvous::RoutingKey,
        routing_table::{ApiRoute, ServiceName},
    },
};
use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{self, HeaderValue},
    },
};
use awc::{
    ClientResponse,
    error::{ConnectError, SendRequestError},
};
use shared::http::{Code, Problem};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a request waits before it asks whether its instance still answers probes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum ExchangeError {
    #[error("the instance refused the connection")]
    Refused,
    #[error("the instance did not take the connection in time")]
    Unreachable,
    #[error("the connection ended before the answer")]
    Ended,
    #[error("the instance did not answer in time")]
    TimedOut,
    #[error("the instance answers nobody")]
    Lost,
}

impl From<SendRequestError> for ExchangeError {
    fn from(error: SendRequestError) -> Self {
        match error {
            SendRequestError::Timeout => Self::TimedOut,
            SendRequestError::Connect(ConnectError::Timeout) => Self::Unreachable,
            // Of a connection that was open.
            SendRequestError::Connect(ConnectError::Disconnected) => Self::Ended,
            SendRequestError::Connect(_) => Self::Refused,
            _ => Self::Ended,
        }
    }
}

impl ExchangeError {
    /// Its name in metrics.
    fn kind(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Ended => "ended",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }

    /// Reports what it says about the instance.
    fn report(self, in_flight: &InFlightRequest) {
        match self {
            Self::Refused => in_flight.refused(),
            Self::Unreachable | Self::TimedOut => in_flight.unanswered(),
            // An established connection that ends says nothing about the instance; the prober knows of a lost one.
            Self::Ended | Self::Lost => {}
        }
    }

    fn problem(self) -> Problem {
        match self {
            Self::TimedOut => Problem::new(Code::UpstreamTimeout),
            _ => Problem::new(Code::UpstreamUnavailable).retry_after(RETRY_AFTER),
        }
    }
}

/// A request, as it is sent to a service.
pub(super) struct ForwardedRequest<'a> {
    pub(super) client: &'a UpstreamClient,
    pub(super) request: &'a HttpRequest,
    pub(super) route: &'a ApiRoute,
    pub(super) key: Option<RoutingKey>,
    pub(super) stated: GatewayHeaders<'a>,
    pub(super) body: BufferedBody,
}

impl ForwardedRequest<'_> {
    /// Sends the request to an instance, and once more to another one where that is safe; returns the beginning of
    /// the answer.
    pub(super) async fn exchange(
        &self,
        upstream: &Upstream,
    ) -> Result<(ClientResponse, InFlightRequest), Problem> {
        let choice = InstanceChoice { kind: self.client.load, key: self.key, besides: None };
        let first = upstream.pick(choice)?;
        let error = match self.send(&first, upstream).await {
            Ok(answer) => return Ok((answer, first)),
            Err(error) => error,
        };
        let repeats = self.may_repeat(error);
        tracing::info!(error.message = %error, http.path = self.request.path(), repeats, "An instance did not answer");
        if !repeats {
            return Err(error.problem());
        }
        let service = self.route.service.as_str();
        metrics::counter!("aerobus_upstream_retries_total", "service" => service).increment(1);
        let failed = Arc::clone(first.instance());
        // Ended first: the request is no load of the failed instance any more.
        drop(first);
        let second = upstream.pick(InstanceChoice { besides: Some(&failed), ..choice })?;
        match self.send(&second, upstream).await {
            Ok(answer) => Ok((answer, second)),
            Err(error) => {
                tracing::warn!(error.message = %error, http.path = self.request.path(), "Two instances did not answer");
                Err(error.problem())
            }
        }
    }

    /// Sends the request to this instance, and tells the upstream what that says about the instance.
    async fn send(
        &self,
        in_flight: &InFlightRequest,
        upstream: &Upstream,
    ) -> Result<ClientResponse, ExchangeError> {
        let answer = if self.is_repeatable() {
            self.send_while_answering(in_flight, upstream).await
        } else {
            self.send_to(in_flight).await
        };
        match &answer {
            Ok(_) => in_flight.answered(),
            Err(error) => {
                let (service, kind) = (self.route.service.as_str(), error.kind());
                metrics::counter!("aerobus_upstream_failures_total", "service" => service, "kind" => kind)
                    .increment(1);
                error.report(in_flight);
            }
        }
        answer
    }

    /// Gives up when the instance is lost and another one is usable.
    async fn send_while_answering(
        &self,
        in_flight: &InFlightRequest,
        upstream: &Upstream,
    ) -> Result<ClientResponse, ExchangeError> {
        let mut sending = pin!(self.send_to(in_flight));
        if let Ok(answer) = timeout(PATIENCE, &mut sending).await {
            return answer;
        }
        loop {
            tokio::select! {
                answer = &mut sending => return answer,
                () = in_flight.lost() => {
                    if upstream.has_other(in_flight.instance()) {
                        return Err(ExchangeError::Lost);
                    }
                }
            }
        }
    }

    async fn send_to(&self, in_flight: &InFlightRequest) -> Result<ClientResponse, ExchangeError> {
        let target = self.request.uri().path_and_query().map_or("/", |target| target.as_str());
        let method = self.request.method().clone();
        let mut outgoing = self.client.client.request(method, in_flight.address(target)).no_decompress();
        let mut headers = upstream_headers(self.request, &self.stated);
        if let Ok(host) = HeaderValue::from_str(in_flight.host()) {
            headers.insert(header::HOST, host);
        }
        *outgoing.headers_mut() = headers;
        let answer = match self.body.bytes.clone() {
            Some(bytes) => outgoing.send_body(bytes).await,
            None => outgoing.send_body(()).await,
        };
        Ok(answer?)
    }

    fn may_repeat(&self, error: ExchangeError) -> bool {
        match error {
            ExchangeError::Refused | ExchangeError::Unreachable => true,
            ExchangeError::Ended | ExchangeError::Lost => self.is_repeatable(),
            ExchangeError::TimedOut => false,
        }
    }

    /// Whether the request can be carried out twice without harm.
    fn is_repeatable(&self) -> bool {
        let method = self.request.method();
        if method == Method::GET || method == Method::HEAD {
            return true;
        }
        let headers = self.request.headers();
        if method == Method::PUT || method == Method::DELETE {
            return !headers.contains_key(header::IF_MATCH);
        }
        method == Method::POST
            && self.route.service == ServiceName::Booking
            && headers.contains_key("idempotency-key")
    }
}
