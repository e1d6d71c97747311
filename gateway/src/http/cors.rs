//! Calls from web pages of other origins, by an allow-list (Fetch standard, CORS protocol).

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Queue-Ticket, traceparent",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, x-request-id, idempotent-replayed",
);

/// The origins whose pages may call.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedOrigins(pub(crate) Vec<String>);

impl AllowedOrigins {
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let allowed = self.0.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
        allowed.then(|| origin.clone())
    }
}

/// Middleware: answers preflights, and tells browsers which pages may read an answer. Tokens travel in
/// `Authorization`, so cookies are never allowed.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn cors(
    origins: web::Data<AllowedOrigins>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let allowed = origins.allowed(request.headers());
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        request.into_response(HttpResponse::NoContent().finish())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let headers = response.headers_mut();
    if !origins.0.is_empty() {
        // A shared cache must not give one origin's answer to another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if is_preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers
                .insert(HeaderName::from_static("access-control-max-age"), HeaderValue::from_static("600"));
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
    Ok(response)
}
