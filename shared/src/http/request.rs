//! The envelope of every request: its id, its trace context, its log line, its metrics, and problems
//! for whatever went wrong outside of our handlers.

use super::{
    Code, Problem,
    access_log::{AccessLine, RequestFacts},
    request_id::RequestId,
    request_metrics::measure,
    uninterrupted::uninterrupted,
};
use crate::trace::{self, TraceContext};
use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, Version, header},
    middleware::Next,
};
use std::time::Instant;
use tracing::Instrument;

/// Middleware, for `wrap(from_fn(envelope))`: the outermost one of every service.
///
/// A writing request is handled to its end even if its connection is reset.
///
/// # Errors
/// Only those of an inner middleware that gives up without a response; handlers and extractors answer
/// with problems, which are completed here.
pub async fn envelope(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(&request);
    let context = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok()?.parse::<TraceContext>().ok())
        .map_or_else(TraceContext::new, TraceContext::child);
    request.extensions_mut().insert(id.clone());
    // A HEAD is a GET whose body the server's codec leaves out.
    let head = request.method() == Method::HEAD;
    if head {
        request.head_mut().method = Method::GET;
    }
    let method = known_method(request.method());
    let span = tracing::info_span!("request", request.id = %id.0, trace.id = %context.trace_id());
    let writes = !request.method().is_safe();
    let handling = trace::scope(context, next.call(request).instrument(span.clone()));
    let response = if writes { uninterrupted(&id, handling).await? } else { handling.await? };
    let response = response.map_into_boxed_body();
    let response = if method == OTHER { without_method(response) } else { response };
    let mut response = complete(response);
    if let Ok(value) = header::HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(header::HeaderName::from_static("x-request-id"), value);
    }
    if matches!(response.response().body().size(), BodySize::Stream) {
        if head {
            // Nobody would read the stream, and it may have no end. Its length is unknown, so none is told.
            response = response.map_body(|_, _| BoxBody::new(body::None::new()));
        } else if response.request().version() < Version::HTTP_11 {
            response = until_closed(response);
        }
    }
    let facts = response.request().extensions_mut().remove::<RequestFacts>();
    let route = match facts.as_ref().and_then(|facts| facts.route) {
        Some(route) => route.to_owned(),
        None => response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned()),
    };
    let (status, elapsed) = (response.status(), started.elapsed());
    measure(&route, method, status, elapsed, facts.as_ref().map(|facts| facts.class));
    match facts {
        Some(facts) if AccessLine::wanted() => {
            let line = AccessLine { facts, method, route, status: status.as_u16(), started, span };
            response = response.map_body(|_, body| line.write_with(body));
        }
        _ => span.in_scope(|| {
            tracing::debug!(
                http.method = method,
                http.route = route,
                http.status = status.as_u16(),
                http.micros = elapsed.as_micros(),
                "Request served"
            );
        }),
    }
    Ok(response)
}

/// HTTP/1.0 knows no chunks (RFC 9112, 6.1): a body whose length is not known ends with its connection.
fn until_closed(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    // The builder takes a length, which is replaced with all headers.
    let mut closing = HttpResponse::build(head.status()).no_chunking(0).force_close().finish();
    *closing.headers_mut() = head.headers().clone();
    ServiceResponse::new(request, closing.set_body(body))
}

/// What stands for a method that no route of ours has.
const OTHER: &str = "other";

/// The method for logs and metrics: a client may write anything, and each text would be a series.
fn known_method(method: &Method) -> &'static str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.iter().zip(names).find(|(known, _)| *known == method).map_or(OTHER, |(_, name)| name)
}

/// No resource has an unknown method. Those that know what they have, and say so in `Allow`, keep their
/// answer.
fn without_method(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let (request, _) = response.into_parts();
    ServiceResponse::from_err(Problem::new(Code::MethodNotAllowed), request)
}

/// Gives problems their request id, and makes problems of errors that are none of ours. What is complete already
/// stays as it is.
#[must_use]
pub fn complete(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    // A problem, or the report of a probe: the framework itself writes no JSON.
    let is_ours = |response: &ServiceResponse<BoxBody>| {
        let kind = response.headers().get(header::CONTENT_TYPE);
        kind.is_some_and(|kind| kind == "application/problem+json" || kind == "application/json")
    };
    let ours = response.response().error().and_then(|error| error.as_error::<Problem>().cloned());
    let problem = match ours {
        Some(problem) => problem,
        // A proxied response of another service is complete already.
        None if !response.status().is_client_error() && !response.status().is_server_error() => {
            return response;
        }
        None if is_ours(&response) || response.headers().contains_key("x-request-id") => return response,
        None => match foreign(response.status()) {
            Some(problem) => problem,
            None => return response,
        },
    };
    let (request, old) = response.into_parts();
    let id = request.extensions().get::<RequestId>().cloned();
    let mut new = problem.to_response(id.as_ref().map(|id| id.0.as_str()));
    for (name, value) in old.headers() {
        // What a middleware or actix added (Allow, Retry-After, rate limits) stays.
        if !new.headers().contains_key(name) && name != header::CONTENT_LENGTH {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, new)
}

/// The problem for a bare status of the framework's.
fn foreign(status: StatusCode) -> Option<Problem> {
    let code = Code::ALL.iter().copied().find(|code| code.status() == status && is_generic(*code));
    match code {
        Some(code) => Some(Problem::new(code)),
        None if status == StatusCode::BAD_REQUEST => Some(Problem::new(Code::MalformedJson)),
        None if status.is_server_error() => Some(Problem::new(Code::Internal)),
        None => None,
    }
}

fn is_generic(code: Code) -> bool {
    matches!(
        code,
        Code::NotFound
            | Code::MethodNotAllowed
            | Code::NotAcceptable
            | Code::PayloadTooLarge
            | Code::UriTooLong
            | Code::UnsupportedMediaType
            | Code::HeadersTooLarge
            | Code::Internal
            | Code::UpstreamUnavailable
            | Code::UpstreamTimeout
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, HttpResponse, middleware::from_fn, test, web};

    #[actix_web::test]
    async fn unknown_methods_are_not_allowed_and_have_one_name() {
        let app = test::init_service(
            App::new()
                .wrap(from_fn(envelope))
                .route("/", web::get().to(HttpResponse::NoContent))
                .configure(crate::http::probes)
                .default_service(web::to(crate::http::unknown_path)),
        )
        .await;
        for (path, allow) in [("/", None), ("/health/live", Some("GET, HEAD"))] {
            let method = Method::from_bytes(b"BREW").unwrap();
            let request = test::TestRequest::with_uri(path).method(method.clone()).to_request();
            let response = test::call_service(&app, request).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let told = response.headers().get(header::ALLOW).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(told.as_deref(), allow, "{path}");
            assert_eq!(known_method(&method), "other");
        }
        assert_eq!(known_method(&Method::PATCH), "PATCH");
    }

    #[actix_web::test]
    async fn a_service_that_is_not_ready_names_what_fails() {
        let health = crate::http::health::Health::new().needs("database", || std::future::ready(false));
        let app = test::init_service(
            App::new()
                .app_data(web::Data::new(health))
                .wrap(from_fn(envelope))
                .configure(crate::http::probes)
                .route("/bare", web::get().to(HttpResponse::ServiceUnavailable)),
        )
        .await;
        for (path, member, told) in [
            ("/health/ready", "failing", serde_json::json!(["database"])),
            ("/bare", "code", serde_json::json!("upstream_unavailable")),
        ] {
            let response = test::call_service(&app, test::TestRequest::with_uri(path).to_request()).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            let body: serde_json::Value = test::read_body_json(response).await;
            assert_eq!(body[member], told, "{path}");
        }
    }

    #[actix_web::test]
    async fn a_stream_claims_no_length_and_ends_with_an_old_connection() {
        let pieces = || futures_util::stream::iter(["a", "b"].map(|piece| Ok::<_, Error>(piece.into())));
        let app = test::init_service(
            App::new()
                .wrap(from_fn(envelope))
                .route("/", web::get().to(move || async move { HttpResponse::Ok().streaming(pieces()) })),
        )
        .await;
        let ask = async |method: Method, version| {
            let request = test::TestRequest::default().method(method).version(version).to_request();
            test::call_service(&app, request).await
        };
        for version in [Version::HTTP_11, Version::HTTP_10] {
            let head = ask(Method::HEAD, version).await;
            assert!(matches!(head.response().body().size(), BodySize::None), "{version:?}");
            let get = ask(Method::GET, version).await;
            let head = get.response().head();
            assert!(!head.headers().contains_key(header::CONTENT_LENGTH));
            let is_old = version == Version::HTTP_10;
            assert_eq!((head.chunked(), head.keep_alive()), (!is_old, !is_old), "{version:?}");
            assert!(head.headers().contains_key("x-request-id"));
            assert_eq!(test::read_body(get).await, "ab");
        }
    }
}
