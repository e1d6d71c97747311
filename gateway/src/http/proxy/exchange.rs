//! A request and its answer: sent to the instance that suits it, and once more to another one where that is safe.
//!
//! | what happened at the first instance | which requests are sent once more |
//! |---|---|
//! | no connection could be opened | all: nothing was sent |
//! | the connection ended before the answer began | repeatable ones |
//! | the answer is not valid HTTP/1.1 | none |
//! | the instance leaves its probes unanswered, and the request has waited for a second | repeatable ones, if another instance is usable |
//! | the instance answers its probes, but not the request in time | none: the time is over |
//! | the instance answered, whatever it said | none |
//!
//! Repeatable are GET and HEAD; PUT and DELETE without `If-Match` (with it, the repeat of a change that was made would
//! get 412); and POST to booking with an `Idempotency-Key`, under which booking makes a change once.

use super::{
    client::{ClientError, ProxyClient, UpstreamAnswer},
    headers::{GatewayHeaders, reaches_upstream, request_head},
    overload::RETRY_AFTER,
    request_body::BufferedBody,
};
use crate::{
    actors::{InFlightRequest, InstanceChoice, LoadKind, Upstream},
    domain::{
        rendezvous::RoutingKey,
        routing_table::{ApiRoute, ServiceName},
    },
};
use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{self, HeaderMap},
    },
};
use shared::http::{Code, Problem};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How long a request waits before it asks whether its instance still answers probes.
const PATIENCE: Duration = Duration::from_secs(1);

/// The header under which booking makes a change once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the instance did not answer in time")]
    TimedOut,
    #[error("the instance answers nobody")]
    Lost,
}

impl ExchangeError {
    /// Its name in metrics.
    fn kind(&self) -> &'static str {
        match self {
            Self::Client(ClientError::Refused(_)) => "refused",
            Self::Client(ClientError::Unreachable) => "unreachable",
            Self::Client(ClientError::Ended(_)) => "ended",
            Self::Client(ClientError::Invalid(_)) => "invalid",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }

    /// Reports what it says about the instance.
    fn report(&self, in_flight: &InFlightRequest) {
        match self {
            Self::Client(ClientError::Refused(_)) => in_flight.refused(),
            Self::Client(ClientError::Unreachable) | Self::TimedOut => in_flight.unanswered(),
            // An established connection that ends says nothing about the instance; the prober knows of a lost one.
            Self::Client(ClientError::Ended(_) | ClientError::Invalid(_)) | Self::Lost => {}
        }
    }

    fn problem(&self) -> Problem {
        match self {
            Self::TimedOut => Problem::new(Code::UpstreamTimeout),
            _ => Problem::new(Code::UpstreamUnavailable).retry_after(RETRY_AFTER),
        }
    }
}

/// A request, as it is sent to a service.
pub(super) struct ForwardedRequest<'a> {
    pub(super) client: &'a ProxyClient,
    pub(super) load: LoadKind,
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
    ) -> Result<(UpstreamAnswer, InFlightRequest), Problem> {
        let choice = InstanceChoice { kind: self.load, key: self.key, besides: None };
        let first = upstream.pick(choice)?;
        let error = match self.send(&first, upstream).await {
            Ok(answer) => return Ok((answer, first)),
            Err(error) => error,
        };
        let repeats = self.may_repeat(&error);
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
    ) -> Result<UpstreamAnswer, ExchangeError> {
        let answer = if self.is_repeatable() && self.client.timeout > PATIENCE {
            self.send_while_answering(in_flight, upstream).await
        } else {
            let answer = timeout(self.client.timeout, self.send_to(in_flight)).await;
            answer.unwrap_or(Err(ExchangeError::TimedOut))
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
    ) -> Result<UpstreamAnswer, ExchangeError> {
        let mut sending = pin!(self.send_to(in_flight));
        if let Ok(answer) = timeout(PATIENCE, &mut sending).await {
            return answer;
        }
        let mut late = pin!(sleep(self.client.timeout - PATIENCE));
        loop {
            tokio::select! {
                answer = &mut sending => return answer,
                () = &mut late => return Err(ExchangeError::TimedOut),
                () = in_flight.lost() => {
                    if upstream.has_other(in_flight.instance()) {
                        return Err(ExchangeError::Lost);
                    }
                }
            }
        }
    }

    async fn send_to(&self, in_flight: &InFlightRequest) -> Result<UpstreamAnswer, ExchangeError> {
        let body = self.body.bytes.as_deref();
        let head = request_head(self.request, in_flight.host(), &self.stated, body.map(<[u8]>::len));
        Ok(self.client.send(in_flight.socket(), head, body.unwrap_or_default()).await?)
    }

    fn may_repeat(&self, error: &ExchangeError) -> bool {
        match error {
            ExchangeError::Client(ClientError::Refused(_) | ClientError::Unreachable) => true,
            ExchangeError::Client(ClientError::Ended(_)) | ExchangeError::Lost => self.is_repeatable(),
            ExchangeError::Client(ClientError::Invalid(_)) | ExchangeError::TimedOut => false,
        }
    }

    /// Whether the request can be carried out twice without harm.
    fn is_repeatable(&self) -> bool {
        is_repeatable(self.request.method(), self.route.service, self.request.headers())
    }
}

fn is_repeatable(method: &Method, service: ServiceName, headers: &HeaderMap) -> bool {
    if method == Method::GET || method == Method::HEAD {
        return true;
    }
    if method == Method::PUT || method == Method::DELETE {
        return !headers.contains_key(header::IF_MATCH);
    }
    method == Method::POST
        && service == ServiceName::Booking
        && headers.contains_key(IDEMPOTENCY_KEY)
        && reaches_upstream(headers, IDEMPOTENCY_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_post_is_repeated_only_under_a_key_that_booking_gets() {
        let repeatable = |service, headers: &[(&'static str, &'static str)]| {
            let request =
                headers.iter().fold(TestRequest::post(), |request, header| request.append_header(*header));
            is_repeatable(&Method::POST, service, request.to_http_request().headers())
        };
        let key = ("idempotency-key", "k");
        assert!(repeatable(ServiceName::Booking, &[key]));
        assert!(repeatable(ServiceName::Booking, &[key, ("connection", "close")]));
        assert!(!repeatable(ServiceName::Booking, &[]));
        assert!(!repeatable(ServiceName::Flight, &[key]));
        // The gateway takes a header away that is of one connection.
        assert!(!repeatable(ServiceName::Booking, &[key, ("connection", "close, Idempotency-Key")]));
    }
}
