//! Security headers, on every answer.

use super::trusted_proxies::TrustedProxies;
use crate::security_event::SecurityEvent;
use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{self, Bytes},
};
use shared::http::{RequestFacts, RequestId, SECURITY_HEADERS};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A year, seconds. Without subdomains: those are not the gateway's.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Whether clients reach the gateway by TLS only, as its settings say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BehindTls(pub(crate) bool);

/// Whether the client speaks TLS: the settings say so, or a trusted proxy does.
pub(super) fn is_secure(request: &HttpRequest) -> bool {
    let always = request.app_data::<web::Data<BehindTls>>().is_some_and(|behind| behind.0);
    let proxies = request.app_data::<web::Data<TrustedProxies>>();
    always || request.app_config().secure() || proxies.is_some_and(|proxies| proxies.saw_tls(request))
}

/// Middleware, the outermost one: adds the headers. A service's own policies stay, because it knows its pages. It also
/// begins the facts of the access log, which inner ones complete.
///
/// # Errors
/// Those of what it wraps, with the headers.
pub(crate) async fn security_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_secure = is_secure(request.request());
    request.extensions_mut().insert(RequestFacts::unknown());
    match next.call(request).await {
        Ok(mut response) => {
            add(response.headers_mut(), is_secure);
            if response.status() != StatusCode::FORBIDDEN {
                return Ok(response.map_into_boxed_body());
            }
            if response.request().method() == Method::HEAD {
                // It shows no code; what is refused for another reason is no HEAD.
                record_refusal(&request_id(response.request()));
                return Ok(response.map_into_boxed_body());
            }
            let request_id = Some(request_id(response.request()));
            Ok(response.map_body(|_, body| BoxBody::new(RefusalBody { body: body.boxed(), request_id })))
        }
        Err(error) => {
            let mut response = error.error_response();
            add(response.headers_mut(), is_secure);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// What a problem says that refuses a request for a missing permission. Other answers of 403 are no such refusals.
const FORBIDDEN: &[u8] = br#""code":"forbidden""#;

/// The body of a 403, whose first part tells why: a problem is shorter than what is compressed or sent in parts.
struct RefusalBody {
    body: BoxBody,
    /// The request's id, until the first part was seen.
    request_id: Option<String>,
}

impl MessageBody for RefusalBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let part = self.body.as_pin_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(part))) = &part
            && let Some(id) = self.request_id.take()
            && part.windows(FORBIDDEN.len()).any(|window| window == FORBIDDEN)
        {
            record_refusal(&id);
        }
        part
    }
}

fn request_id(request: &HttpRequest) -> String {
    let id = request.extensions().get::<RequestId>().cloned();
    id.map(|RequestId(id)| id).unwrap_or_default()
}

/// Records that somebody asked for more than is permitted, whoever refused it: the gateway or a service.
fn record_refusal(id: &str) {
    // The envelope, which has its own span, is further inside.
    tracing::info_span!("request", request.id = id).in_scope(|| SecurityEvent::PermissionRefused.record());
}

fn add(headers: &mut HeaderMap, is_secure: bool) {
    for (name, value) in SECURITY_HEADERS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
}
