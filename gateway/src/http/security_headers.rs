//! Security headers, on every answer.

use super::trusted_proxies::TrustedProxies;
use crate::security_event::SecurityEvent;
use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use shared::http::{RequestFacts, RequestId, SECURITY_HEADERS};

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
            if response.status() == StatusCode::FORBIDDEN {
                record_refusal(response.request());
            }
            add(response.headers_mut(), is_secure);
            Ok(response.map_into_boxed_body())
        }
        Err(error) => {
            let mut response = error.error_response();
            add(response.headers_mut(), is_secure);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// Records that somebody asked for more than is permitted, whoever refused it: the gateway or a service.
fn record_refusal(request: &HttpRequest) {
    let id = request.extensions().get::<RequestId>().cloned();
    // The envelope, which has its own span, is further inside.
    let id = id.map(|RequestId(id)| id).unwrap_or_default();
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
