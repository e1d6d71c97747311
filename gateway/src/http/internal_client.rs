//! What the gateway itself asks the services, on behalf of operators.

use crate::{
    actors::{InstanceReport, Upstreams},
    domain::routing_table::ServiceName,
};
use actix_web::{
    HttpResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::Bytes,
};
use awc::{Client, ClientRequest, error::SendRequestError};
use serde_json::Value;
use shared::{
    auth::{GATEWAY, ServiceTokenError, ServiceTokens},
    http::{Code, Problem, RequestId},
    operations::ServiceStatus,
    trace,
};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How long an instance may take to tell its status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a service may take for anything else. A replay waits for a consumer for eight seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of an answer at most.
const LARGEST_ANSWER: usize = 8 << 20;

/// A request to a service.
pub(super) struct InternalRequest {
    pub(super) method: Method,
    /// `/internal/...`
    pub(super) path_and_query: String,
    pub(super) body: Option<Value>,
    /// The id of the request that it is a part of.
    pub(super) request_id: RequestId,
}

/// An answer of a service.
struct InternalAnswer {
    status: StatusCode,
    body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum InternalCallError {
    #[error("the call could not be signed")]
    Sign(#[from] ServiceTokenError),
    /// The instance has not got the request.
    #[error("the instance cannot be reached: {0}")]
    Unreachable(String),
    #[error("the instance did not answer: {0}")]
    Broken(String),
}

/// A client of the services' internal routes. One a thread: its connections cannot be shared.
pub(crate) struct InternalClient {
    http: Client,
    tokens: ServiceTokens,
}

impl InternalClient {
    /// A client that proves itself by these tokens.
    pub(crate) fn new(tokens: ServiceTokens) -> Self {
        Self { http: Client::builder().timeout(TIMEOUT).disable_redirects().finish(), tokens }
    }

    /// The status of an instance; `None` where it does not tell it.
    ///
    /// `caller`: the `Authorization` of the operator, for a service that lacks the services' secret.
    pub(super) async fn status(
        &self,
        instance: &InstanceReport,
        caller: Option<&HeaderValue>,
        id: &RequestId,
    ) -> Option<ServiceStatus> {
        let mut request = self.request(&instance.address, Method::GET, "/internal/status", id).ok()?;
        if let Some(caller) = caller {
            request = request.insert_header((header::AUTHORIZATION, caller.clone()));
        }
        let answer =
            timeout(STATUS_TIMEOUT, exchange(request.timeout(STATUS_TIMEOUT), None)).await.ok()?.ok()?;
        if answer.status != StatusCode::OK {
            return None;
        }
        serde_json::from_slice(&answer.body).ok()
    }

    /// The answer of a service to a request, from the first instance that gets it, as it is passed on to a client.
    ///
    /// # Errors
    /// `upstream_unavailable`: no instance has answered.
    pub(super) async fn ask(
        &self,
        upstreams: &Upstreams,
        service: ServiceName,
        asked: &InternalRequest,
    ) -> Result<HttpResponse, Problem> {
        let unavailable = || {
            let problem = Problem::new(Code::UpstreamUnavailable).retry_after(Duration::from_secs(1));
            problem.detail(format_args!("{} is unavailable", service.as_str()))
        };
        let mut instances = match upstreams.of(service) {
            Some(upstream) => upstream.instances(),
            None => Vec::new(),
        };
        instances.sort_by_key(|instance| instance.state != "ready");
        for instance in instances {
            let request = self.request(
                &instance.address,
                asked.method.clone(),
                &asked.path_and_query,
                &asked.request_id,
            );
            let request = request.map_err(|error| Problem::internal(&error))?;
            match exchange(request, asked.body.as_ref()).await {
                Ok(answer) => return passed_on(answer).ok_or_else(unavailable),
                // Another instance may be there. What an instance has got is not sent twice.
                Err(InternalCallError::Unreachable(_)) => {}
                Err(_) => return Err(unavailable()),
            }
        }
        Err(unavailable())
    }

    fn request(
        &self,
        base: &Url,
        method: Method,
        path_and_query: &str,
        id: &RequestId,
    ) -> Result<ClientRequest, ServiceTokenError> {
        let address = format!("{}{path_and_query}", base.as_str().trim_end_matches('/'));
        let request = self
            .http
            .request(method, address)
            .insert_header((header::AUTHORIZATION, self.tokens.authorization(GATEWAY)?))
            .insert_header(("x-request-id", id.0.as_str()));
        Ok(match trace::current() {
            Some(context) => request.insert_header(("traceparent", context.to_string())),
            None => request,
        })
    }
}

async fn exchange(request: ClientRequest, body: Option<&Value>) -> Result<InternalAnswer, InternalCallError> {
    let sent = match body {
        Some(body) => request.send_json(body).await,
        None => request.send().await,
    };
    let mut response = sent.map_err(|error| match error {
        SendRequestError::Connect(error) => InternalCallError::Unreachable(error.to_string()),
        other => InternalCallError::Broken(other.to_string()),
    })?;
    let body = response.body().limit(LARGEST_ANSWER).await;
    let body = body.map_err(|error| InternalCallError::Broken(error.to_string()))?;
    Ok(InternalAnswer { status: response.status(), body })
}

/// An answer that is meant for the client; `None` for a failure of the service, or where it does not accept the gateway.
fn passed_on(answer: InternalAnswer) -> Option<HttpResponse> {
    let InternalAnswer { status, body } = answer;
    if status.is_server_error() || status == StatusCode::UNAUTHORIZED {
        return None;
    }
    let media_type = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CACHE_CONTROL, super::cache_control::PRIVATE));
    Some(response.body(body))
}
