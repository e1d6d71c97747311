//! Which headers pass the gateway.

use crate::http::security_headers::is_secure;
use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
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

/// Bytes that most heads fit in; an access token alone has 700.
const USUAL_HEAD: usize = 2048;

/// What the gateway itself states about a request.
pub(super) struct GatewayHeaders<'a> {
    pub(super) id: &'a RequestId,
    /// The client's address.
    pub(super) client: Option<IpAddr>,
    /// The gateway's service token, which proves the address; none for a service that does not read it.
    pub(super) service_token: Option<HeaderValue>,
}

/// The head of a request as the upstream gets it: the line, the headers, and the empty line. `body` is the length of its
/// body, if it has one.
pub(super) fn request_head(
    request: &HttpRequest,
    host: &str,
    gateway: &GatewayHeaders<'_>,
    body: Option<usize>,
) -> Vec<u8> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut head = Vec::with_capacity(USUAL_HEAD);
    for part in [request.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    let mut set = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    set("host", host.as_bytes());
    let named = connection_names(request.headers());
    for (name, value) in request.headers() {
        let text = name.as_str();
        if !is_hop_by_hop(text) && !is_ours(text) && !named.iter().any(|named| named == text) {
            set(text, value.as_bytes());
        }
    }
    if let Some(service_token) = &gateway.service_token {
        set(SERVICE_TOKEN.as_str(), service_token.as_bytes());
    }
    // Letters, digits and `-_.`: whatever else a client sends is no request id.
    set("x-request-id", gateway.id.0.as_bytes());
    set("x-forwarded-proto", if is_secure(request) { b"https" } else { b"http" });
    if let Some(client) = gateway.client {
        set("x-forwarded-for", client.to_string().as_bytes());
    }
    if let Some(context) = trace::current() {
        set("traceparent", context.to_string().as_bytes());
    }
    // A method that expects a body tells its length also where it has none (RFC 9110, 8.6).
    let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
    if let Some(length) = body.or(expects_body.then_some(0)) {
        set("content-length", length.to_string().as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Whether a header of a client, in lower case, is passed on: a header that `Connection` names is not.
pub(super) fn reaches_upstream(headers: &HeaderMap, name: &str) -> bool {
    !connection_names(headers).iter().any(|named| named == name)
}

/// Whether a header of a service's answer is for the client.
pub(super) fn passes_to_client(name: &str) -> bool {
    !is_hop_by_hop(name) && !is_ours_in_answers(name)
}

/// The headers that `Connection` names; most connections name none.
fn connection_names(headers: &HeaderMap) -> Vec<String> {
    let connection = headers.get_all(header::CONNECTION).filter_map(|value| value.to_str().ok());
    connection.flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    #[test]
    fn headers_of_a_connection_end_with_it() {
        let request = TestRequest::with_uri("/api/v1/flights?origin=a%20b")
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
        let head = |service_token, body| {
            let head = request_head(&request, "booking:8082", &gateway(service_token), body);
            String::from_utf8(head).unwrap()
        };
        let unproven = head(None, None);
        assert!(!unproven.contains(SERVICE_TOKEN.as_str()), "a client proves nothing");
        let proven = head(Some(HeaderValue::from_static("ours")), Some(7));
        let (line, headers) = proven.strip_suffix("\r\n\r\n").unwrap().split_once("\r\n").unwrap();
        assert_eq!(line, "GET /api/v1/flights?origin=a%20b HTTP/1.1");
        let mut headers: Vec<&str> = headers.split("\r\n").collect();
        headers.sort_unstable();
        let expected = [
            "accept-language: de",
            "accept-language: en",
            "authorization: Bearer x",
            "content-length: 7",
            "host: booking:8082",
            "x-aerobus-service-token: ours",
            "x-forwarded-for: 10.0.0.9",
            "x-forwarded-proto: http",
            "x-request-id: request-1",
        ];
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_method_with_a_body_tells_its_length() {
        let id = RequestId("request-1".to_owned());
        let head = |method: Method, body| {
            let request = TestRequest::default().method(method).to_http_request();
            let gateway = GatewayHeaders { id: &id, client: None, service_token: None };
            String::from_utf8(request_head(&request, "x", &gateway, body)).unwrap()
        };
        assert!(head(Method::POST, None).contains("\r\ncontent-length: 0\r\n"));
        assert!(head(Method::PATCH, Some(3)).contains("\r\ncontent-length: 3\r\n"));
        assert!(!head(Method::GET, None).contains("content-length"));
    }

    /// Headers as anybody may send them: those of the connection, ours, and others, each any number of times.
    fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
        let others = ["accept", "authorization", "cookie", "queue-ticket", "x-one", "x-two"];
        let names: Vec<&'static str> = [&OF_THE_CONNECTION[..], &OF_THE_GATEWAY, &others].concat();
        let name = prop::sample::select(names.clone());
        let mixed = (name.clone(), any::<bool>())
            .prop_map(|(name, upper)| if upper { name.to_uppercase() } else { name.to_owned() });
        let named =
            prop::collection::vec(name, 0..4).prop_map(|names| ("connection".to_owned(), names.join(" , ")));
        prop::collection::vec(prop_oneof![5 => (mixed, "[!-~]{0,12}"), 1 => named], 0..40)
    }

    const SERVICE_TOKEN_NAME: &str = "x-aerobus-service-token";
    const OF_THE_CONNECTION: [&str; 10] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    ];
    const OF_THE_GATEWAY: [&str; 9] = [
        "host",
        "expect",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-real-ip",
        "x-request-id",
        SERVICE_TOKEN_NAME,
    ];

    /// The values of a header, in a head as it is sent.
    fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
        let headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        headers.filter(|(sent, _)| sent.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    proptest! {
        #[test]
        fn what_passes_is_what_neither_the_connection_nor_the_gateway_has(sent in headers()) {
            let mut request = TestRequest::get();
            for (name, value) in &sent {
                request = request.append_header((name.as_str(), value.as_str()));
            }
            let request = request.to_http_request();
            let id = RequestId("request-1".to_owned());
            let gateway = GatewayHeaders {
                id: &id,
                client: Some("10.0.0.9".parse().unwrap()),
                service_token: Some(HeaderValue::from_static("ours")),
            };
            let passed = String::from_utf8(request_head(&request, "booking:8082", &gateway, None)).unwrap();
            let named: Vec<String> = sent
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
                .flat_map(|(_, value)| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
                .collect();
            for name in OF_THE_CONNECTION {
                prop_assert!(values(&passed, name).is_empty(), "{}", name);
            }
            // What the gateway states comes from it alone, once.
            let stated = [
                ("host", "booking:8082"),
                ("x-request-id", "request-1"),
                ("x-forwarded-for", "10.0.0.9"),
                (SERVICE_TOKEN_NAME, "ours"),
            ];
            for (name, value) in stated {
                prop_assert_eq!(values(&passed, name), [value]);
            }
            for name in ["expect", "forwarded", "x-forwarded-host", "x-forwarded-port", "x-real-ip"] {
                prop_assert!(values(&passed, name).is_empty(), "{}", name);
            }
            // Everything else passes as it came, repetitions in their order.
            for name in ["accept", "authorization", "cookie", "queue-ticket", "x-one", "x-two"] {
                let came = sent.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
                let came: Vec<&str> = if named.iter().any(|named| named == name) { Vec::new() } else { came.collect() };
                prop_assert_eq!(values(&passed, name), came, "{}", name);
            }
        }
    }
}
