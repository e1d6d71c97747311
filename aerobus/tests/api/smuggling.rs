//! Requests that two readers could understand differently, and paths that could lead elsewhere than they seem to.

use crate::{
    framing::{bases, exchange, is_problem},
    system::RunningSystem,
};
use testkit::{RawAnswer, RawConnection};

/// A second request, hidden in the first one. Its answer would be 404.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
/// A flight that booking would close, were it asked to.
const CLOSE: &str = "internal/flights/01890000-0000-7000-8000-000000000000/close";

/// That nothing but one request was understood.
fn is_one_answer(answer: &RawAnswer, shape: &str) {
    let rest = String::from_utf8_lossy(&answer.body);
    assert!(!rest.contains("HTTP/1.1 "), "{shape:?}: {}\n{rest}", answer.head);
    assert_ne!(answer.status(), "404", "{shape:?}: {}", answer.head);
}

#[actix_web::test]
async fn ambiguous_requests_are_refused_and_their_connections_closed() {
    let system = RunningSystem::start().await;
    let heads = [
        // Two framings.
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "content-length: 0\r\ntransfer-encoding: chunked\r\n",
        // Two lengths, and lengths that are none.
        "content-length: 0\r\ncontent-length: 35\r\n",
        "content-length: 0\r\ncontent-length: 0\r\n",
        "content-length: 0, 0\r\n",
        "content-length: +4\r\n",
        "content-length: -4\r\n",
        "content-length: 4 4\r\n",
        "content-length: 0x4\r\n",
        "content-length: 18446744073709551616\r\n",
        "content-length: \r\n",
        // Encodings that are not exactly one `chunked`.
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        // Folded lines, spaces before the colon, bytes that are no text.
        "transfer-encoding:\r\n chunked\r\n",
        "x: 1\r\n\tcontent-length: 4\r\n",
        "content-length : 4\r\n",
        "transfer-encoding\t: chunked\r\n",
        " content-length: 4\r\n",
        "x: a\rcontent-length: 4\r\n",
        "x: a\0b\r\n",
        "content length: 4\r\n",
        // Two hosts.
        "host: y\r\n",
    ];
    for base in bases(&system) {
        for head in heads {
            let request = format!("POST /health/live HTTP/1.1\r\nhost: x\r\n{head}\r\n0\r\n\r\n{HIDDEN}");
            let answer = exchange(&base, &request).await;
            is_one_answer(&answer, head);
            is_problem(&answer, "400", "malformed_json");
        }
        let old = format!(
            "POST /health/live HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
        );
        is_problem(&exchange(&base, &old).await, "400", "malformed_json");
        for line in [
            "GE\tT /health/live HTTP/1.1",
            "GET  /health/live HTTP/1.1",
            "GET /health/live HTTP/2.0",
            "GET /a b HTTP/1.1",
        ] {
            is_problem(
                &exchange(&base, &format!("{line}\r\nhost: x\r\n\r\n")).await,
                "400",
                "malformed_json",
            );
        }
    }
    system.stop().await;
}

#[actix_web::test]
async fn chunks_hide_no_request() {
    let system = RunningSystem::start().await;
    let size = format!("{:x}", HIDDEN.len());
    let padding = "x".repeat(HIDDEN.find('\n').unwrap() + 1);
    let chunks = [
        format!("{size}\r\n{HIDDEN}\r\n0\r\n\r\n"),
        format!("{size};extension=\"0\"\r\n{HIDDEN}\r\n0\r\n\r\n"),
        // The first line of the hidden request is an extension, and the rest with its padding the data.
        format!("{size};{HIDDEN}{padding}\r\n0\r\n\r\n"),
        format!("0{size}\r\n{HIDDEN}\r\n0;last\r\ntrailer: x\r\n\r\n"),
        // Sizes that are none.
        format!("0x0\r\n\r\n{HIDDEN}"),
        format!("-0\r\n\r\n{HIDDEN}"),
        format!("zz\r\n\r\n{HIDDEN}"),
        format!("ffffffffffffffff1\r\n\r\n{HIDDEN}"),
        format!("\r\n0\r\n\r\n{HIDDEN}"),
        // A chunk that is longer than it says.
        format!("1\r\n{HIDDEN}\r\n0\r\n\r\n"),
    ];
    let head =
        "POST /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    for base in bases(&system) {
        for body in &chunks {
            let mut connection = RawConnection::open(&base).await;
            connection.send(format!("{head}{body}").as_bytes()).await;
            // A connection whose chunks cannot be read may also be closed without an answer.
            if let Some(answer) = connection.answer_if_any().await {
                is_one_answer(&answer, body);
            }
        }
        // Line ends without a carriage return end lines, and no more than that.
        let bare = "GET /health/live HTTP/1.1\nhost: x\nconnection: close\n\n";
        let answer = exchange(&base, bare).await;
        is_one_answer(&answer, bare);
        assert!(["200", "400"].contains(&answer.status()), "{}", answer.head);
    }
    system.stop().await;
}

#[actix_web::test]
async fn ten_megabytes_of_headers_are_too_large() {
    let system = RunningSystem::start().await;
    let one = format!("x: {}\r\n", "x".repeat(10 << 20));
    let many = format!("x: {}\r\n", "x".repeat(100)).repeat(100_000);
    for base in bases(&system) {
        for headers in [&one, &many] {
            let request = format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
            is_problem(&exchange(&base, &request).await, "431", "headers_too_large");
        }
    }
    system.stop().await;
}

#[actix_web::test]
async fn no_path_leads_inside() {
    let system = RunningSystem::start().await;
    let token = system.administrator_token().await;
    let gateway = format!("http://{}", system.services.gateway());
    let encoded = CLOSE.replace('/', "%2f");
    let targets = [
        format!("/{CLOSE}"),
        format!("//{CLOSE}"),
        format!("/./{CLOSE}"),
        format!("/;/{CLOSE}"),
        format!("/%2f{CLOSE}"),
        format!("/{}", CLOSE.replacen('i', "%69", 1)),
        format!("/{}", CLOSE.replacen('i', "I", 1)),
        format!("/{CLOSE}?/api/v1/bookings"),
        format!("/{CLOSE}/"),
        format!("http://x/{CLOSE}"),
        format!("http://{}/{CLOSE}", system.services.address("booking")),
        format!("/api/v1/../../{CLOSE}"),
        format!("/api/v1/%2e%2e/%2E./{CLOSE}"),
        format!("/api/v1/..;/..;/{CLOSE}"),
        format!("/api/v1/bookings/../../../{CLOSE}"),
        format!("/api/v1/bookings/..%2f..%2f..%2f{encoded}"),
        format!("/api/v1/bookings/..%2f..%2f..%2f{encoded}/cancel"),
        format!("/api/v1/bookings/..%5c..%5c..%5c{encoded}/cancel"),
        format!("/api/v1/bookings/%252e%252e%252f{encoded}/cancel"),
        format!("/api/v1/bookings/x%00/../../../../{CLOSE}"),
        "/api/v1/bookings/x%0d%0ahost:y/cancel".to_owned(),
        format!("/API/V1/../../{CLOSE}"),
        "/metrics".to_owned(),
    ];
    for target in targets {
        let mut connection = RawConnection::open(&gateway).await;
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        connection.send(request.as_bytes()).await;
        let answer = connection.to_end().await;
        // Inside, the administrator's token would be answered by 401: it is no service's.
        assert!(["400", "404", "405"].contains(&answer.status()), "{target}: {}", answer.head);
    }
    system.stop().await;
}
