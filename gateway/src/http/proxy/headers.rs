//! Which headers pass the gateway.

use crate::http::security_headers::is_secure;
use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use shared::{auth::SERVICE_TOKEN, http::RequestId, trace};
use std::net::IpAddr;

/// Headers of one connection (RFC 9110, 7.6.1), and what stands for the body's framing, which each
/// side does anew.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "http2-settings",
];

/// Headers that only the gateway may set, or that it answers itself.
const OURS: [&str; 10] = [
    "host",
    "expect",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "traceparent",
];

/// What the gateway itself states about a request.
pub(super) struct GatewayHeaders<'a> {
    pub(super) id: &'a RequestId,
    /// The client's address.
    pub(super) client: Option<IpAddr>,
    /// The gateway's service token, which proves the address; none for a service that does not read it.
    pub(super) service_token: Option<HeaderValue>,
}

/// The headers of a request as the upstream gets them.
pub(super) fn upstream_headers(request: &HttpRequest, gateway: GatewayHeaders<'_>) -> HeaderMap {
    let mut headers = passing(request.headers());
    for name in OURS {
        headers.remove(name);
    }
    headers.remove(SERVICE_TOKEN);
    if let Some(service_token) = gateway.service_token {
        headers.insert(SERVICE_TOKEN, service_token);
    }
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-request-id", &gateway.id.0);
    set("x-forwarded-proto", if is_secure(request) { "https" } else { "http" });
    if let Some(client) = gateway.client {
        set("x-forwarded-for", &client.to_string());
    }
    if let Some(context) = trace::current() {
        set("traceparent", &context.to_string());
    }
    headers
}

/// The headers of a response as the client gets them. The request id is set by the envelope, and what
/// other origins may do is the gateway's to say.
pub(super) fn client_headers(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = passing(upstream);
    headers.remove("x-request-id");
    // No service sends it back; were one to, it would open the internal routes for a minute.
    headers.remove(SERVICE_TOKEN);
    let cross_origin: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    cross_origin.iter().for_each(|name| drop(headers.remove(name)));
    headers
}

/// All headers but those of one connection, and those that `Connection` names.
fn passing(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let mut passing = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let stays = HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|named| named == name.as_str());
        if !stays {
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
        let unproven = upstream_headers(&request, gateway(None));
        assert!(!unproven.contains_key(SERVICE_TOKEN), "a client proves nothing");
        let headers = upstream_headers(&request, gateway(Some(HeaderValue::from_static("ours"))));
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
