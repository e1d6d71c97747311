//! Which headers pass the gateway.

use crate::http::security_headers::is_secure;
use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use shared::{auth::SERVICE_TOKEN, http::RequestId, trace};
use std::net::IpAddr;

/// Whether a header is of one connection (RFC 9110, 7.6.1), or stands for the body's framing, which each side does anew.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "content-length"
            | "http2-settings"
    )
}

/// Whether only the gateway may set a header of a request, or answers it itself.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "expect"
            | "forwarded"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-proto"
            | "x-real-ip"
            | "x-request-id"
            | "traceparent"
    ) || name == SERVICE_TOKEN.as_str()
}

/// Whether only the gateway may set a header of an answer: the request id is set by the envelope, and what other
/// origins may do is the gateway's to say. No service sends its token back; were one to, it would open the internal
/// routes for a minute.
fn is_ours_in_answers(name: &str) -> bool {
    name == "x-request-id" || name.starts_with("access-control-") || name == SERVICE_TOKEN.as_str()
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Headers that the gateway adds, with `Host`.
const ADDED: usize = 6;

/// What the gateway itself states about a request.
pub(super) struct GatewayHeaders<'a> {
    pub(super) id: &'a RequestId,
    /// The client's address.
    pub(super) client: Option<IpAddr>,
    /// The gateway's service token, which proves the address; none for a service that does not read it.
    pub(super) service_token: Option<HeaderValue>,
}

/// The headers of a request as the upstream gets them.
pub(super) fn upstream_headers(request: &HttpRequest, gateway: &GatewayHeaders<'_>) -> HeaderMap {
    let mut headers = passing(request.headers(), is_ours);
    if let Some(service_token) = &gateway.service_token {
        headers.insert(SERVICE_TOKEN, service_token.clone());
    }
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(X_REQUEST_ID, gateway.id.0.clone());
    if let Some(client) = gateway.client {
        set(X_FORWARDED_FOR, client.to_string());
    }
    if let Some(context) = trace::current() {
        set(TRACEPARENT, context.to_string());
    }
    let protocol = if is_secure(request) { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(protocol));
    headers
}

/// The headers of a response as the client gets them.
pub(super) fn client_headers(upstream: &HeaderMap) -> HeaderMap {
    passing(upstream, is_ours_in_answers)
}

/// All headers but those of one connection, those that `Connection` names, and those that `is_ours` says to leave out.
fn passing(headers: &HeaderMap, is_ours: fn(&str) -> bool) -> HeaderMap {
    // Most connections name nothing.
    let connection = headers.get_all(header::CONNECTION).filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        connection.flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase())).collect();
    let mut passing = HeaderMap::with_capacity(headers.len() + ADDED);
    for (name, value) in headers {
        let text = name.as_str();
        let stays = !is_hop_by_hop(text) && !is_ours(text) && !named.iter().any(|named| named == text);
        if stays {
            passing.append(name.clone(), value.clone());
        }
    }
    passing
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn headers_of_a_connection_end_with_it() {
        let request = TestRequest::get()
            .insert_header(("connection", "close, X-Secret-Hop"))
            .insert_header(("x-secret-hop", "1"))
            .insert_header(("te", "trailers"))
            .insert_header(("upgrade", "websocket"))
            .insert_header(("x-forwarded-for", "1.2.3.4"))
            .insert_header(("forwarded", "for=1.2.3.4"))
            .insert_header(("authorization", "Bearer x"))
            .insert_header((SERVICE_TOKEN, "forged"))
            .append_header(("accept-language", "en"))
            .append_header(("accept-language", "de"))
            .to_http_request();
        let id = RequestId("request-1".to_owned());
        let gateway = |service_token| GatewayHeaders {
            id: &id,
            client: Some("10.0.0.9".parse().unwrap()),
            service_token,
        };
        let unproven = upstream_headers(&request, &gateway(None));
        assert!(!unproven.contains_key(SERVICE_TOKEN), "a client proves nothing");
        let headers = upstream_headers(&request, &gateway(Some(HeaderValue::from_static("ours"))));
        assert_eq!(headers.get_all(SERVICE_TOKEN).collect::<Vec<_>>(), ["ours"]);
        assert!(!client_headers(&headers).contains_key(SERVICE_TOKEN));
        for gone in ["connection", "x-secret-hop", "te", "upgrade", "forwarded"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(headers.get("x-forwarded-for").unwrap(), "10.0.0.9");
        assert_eq!(headers.get("x-request-id").unwrap(), "request-1");
        assert_eq!(headers.get("authorization").unwrap(), "Bearer x");
        assert_eq!(headers.get_all("accept-language").count(), 2);
    }
}
