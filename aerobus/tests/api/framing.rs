//! How messages are framed and encoded, at the gateway and at the services themselves.

use crate::system::RunningSystem;
use awc::http::Method;
use serde_json::{Value, json};
use std::io::Read;
use testkit::{Answer, Client, RawAnswer, RawConnection};

/// The addresses of all services, the gateway's first.
pub(crate) fn bases(system: &RunningSystem) -> Vec<String> {
    system.services.addresses.iter().map(|(_, address)| format!("http://{address}")).collect()
}

/// Sends bytes and reads the answer until the server closes.
pub(crate) async fn exchange(base: &str, request: &str) -> RawAnswer {
    let mut connection = RawConnection::open(base).await;
    connection.send(request.as_bytes()).await;
    connection.to_end().await
}

/// That the answer is a whole problem, after which the connection is closed.
pub(crate) fn is_problem(answer: &RawAnswer, status: &str, code: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status(), status, "{}\n{text}", answer.head);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(answer.header("date").is_some());
    let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(problem["code"], code);
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
}

#[actix_web::test]
async fn requests_beyond_the_parsers_limits_get_problems() {
    shared::telemetry::metrics::recorder();
    let system = RunningSystem::start().await;
    for base in bases(&system) {
        let headers: String = (0..120).map(|number| format!("x-{number}: 1\r\n")).collect();
        let many = format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        is_problem(&exchange(&base, &many).await, "431", "headers_too_large");
        for length in [70_000, 100_000, 400_000] {
            let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(length));
            is_problem(&exchange(&base, &long).await, "414", "uri_too_long");
        }
        let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(300_000));
        is_problem(&exchange(&base, &large).await, "431", "headers_too_large");
        for garbage in ["\u{16}\u{3}\u{1}", "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.0\r\n\r\n"] {
            is_problem(&exchange(&base, garbage).await, "400", "malformed_json");
        }
        let head = exchange(&base, &many.replace("GET", "HEAD")).await;
        assert_eq!((head.status(), head.body.len()), ("431", 0));
        // Behind a good request on the same connection, which is answered as ever.
        let good = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
        let both = exchange(&base, &format!("{good}{many}")).await;
        assert_eq!(both.status(), "200");
        let text = String::from_utf8_lossy(&both.body);
        assert!(text.contains("HTTP/1.1 431") && text.contains("\"headers_too_large\""), "{text}");
    }
    let counted = shared::telemetry::metrics::render();
    for code in ["uri_too_long", "headers_too_large", "malformed_json"] {
        assert!(counted.contains(&format!("http_malformed_requests_total{{code=\"{code}\"}}")), "{counted}");
    }
    // The gateway's own limits are lower; its connections stay.
    let mut client = system.anybody.clone();
    for number in 0..85 {
        client = client.with_header(&format!("x-{number}"), "1");
    }
    client.get("/api/v1/cities").await.expect_problem(431, "headers_too_large");
    system.stop().await;
}

#[actix_web::test]
async fn an_old_client_reads_a_stream_until_its_connection_ends() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let path = format!("/api/v1/flights/{}/seat-map/events", flight["id"].as_str().unwrap());
    let booking = format!("http://{}", system.services.address("booking"));
    for base in [system_base(&system), booking] {
        let mut old = RawConnection::open(&base).await;
        old.send(format!("GET {path} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").as_bytes()).await;
        let answer = old.until("event: snapshot").await;
        assert_eq!((answer.status(), answer.header("transfer-encoding")), ("200", None), "{}", answer.head);
        assert_eq!((answer.header("content-length"), answer.header("connection")), (None, None));
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.starts_with("retry: "), "no chunk's size: {text}");
        for version in ["1.0", "1.1"] {
            let request = format!("HEAD {path} HTTP/{version}\r\nhost: x\r\nconnection: close\r\n\r\n");
            let head = exchange(&base, &request).await;
            assert_eq!((head.status(), head.body.len()), ("200", 0));
            assert_eq!(head.header("content-length"), None, "a stream's length is not known");
            assert_eq!(head.header("content-type"), Some("text/event-stream"));
        }
    }
    system.stop().await;
}

fn system_base(system: &RunningSystem) -> String {
    format!("http://{}", system.services.gateway())
}

#[actix_web::test]
async fn encoded_bodies_are_refused_everywhere() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let paths = [
        "/api/v1/auth/login",
        "/api/v1/users/me",
        "/api/v1/admin/cities",
        "/api/v1/bookings",
        "/api/v1/bookings/lookup",
        "/api/v1/admin/invariants/check",
        "/api/v1/admin/mail/01890000-0000-7000-8000-000000000000/resend",
    ];
    let services: Vec<Client> = bases(&system).iter().map(|base| admin.at(base)).collect();
    let body = || Some(json!({}).to_string().into_bytes());
    for coding in ["deflate", "gzip", "br", "x-foo", "identity, gzip"] {
        for path in paths {
            let method = if path.ends_with("/me") { Method::PATCH } else { Method::POST };
            let mut refused = 0;
            for client in &services {
                let client = client.with_header("content-encoding", coding);
                let answer = client.send(method.clone(), path, "application/json", body()).await;
                // At the services that lack the route there is nothing.
                if answer.status != 404 {
                    answer.expect_problem(415, "unsupported_media_type");
                    refused += 1;
                }
            }
            let own = path.starts_with("/api/v1/auth") || path.ends_with("/me");
            assert_eq!(refused, if own { 1 } else { 2 }, "{coding} {path}: the gateway and the service");
        }
    }
    let plain = admin.with_header("content-encoding", "identity");
    plain.post("/api/v1/admin/cities", &json!({})).await.expect_problem(422, "validation_failed");
    system.stop().await;
}

fn decoded(answer: &Answer) -> Value {
    let mut plain = Vec::new();
    match answer.header("content-encoding") {
        "br" => brotli::Decompressor::new(answer.bytes.as_slice(), 4096).read_to_end(&mut plain),
        "gzip" => flate2::read::GzDecoder::new(answer.bytes.as_slice()).read_to_end(&mut plain),
        _ => answer.bytes.as_slice().read_to_end(&mut plain),
    }
    .expect("the coding that is told");
    serde_json::from_slice(&plain).expect("JSON")
}

#[actix_web::test]
async fn answers_are_compressed_once_and_streams_are_not() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let id = flight["id"].as_str().unwrap();
    let map = format!("/api/v1/flights/{id}/seat-map");
    let plain = system.anybody.get(&map).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "Accept-Encoding"));
    let tag = plain.header("etag").to_owned();
    for (accepted, coding) in
        [("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("br;q=0.1, gzip", "gzip")]
    {
        let client = system.anybody.with_header("accept-encoding", accepted);
        let answer = client.get(&map).await;
        assert_eq!(answer.header("content-encoding"), coding);
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert!(answer.bytes.len() * 4 < plain.bytes.len(), "{coding}: {}", answer.bytes.len());
        assert_eq!(decoded(&answer), plain.json, "{coding}");
        assert_eq!(answer.header("etag"), format!("{}-{coding}\"", tag.trim_end_matches('"')));
        // The copy is known again by its tag.
        let known = client.with_header("if-none-match", answer.header("etag"));
        let unchanged = known.get(&map).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.bytes.len()), (304, 0));
        assert_eq!(
            (unchanged.header("etag"), unchanged.header("vary")),
            (answer.header("etag"), "Accept-Encoding")
        );
        let head = client.send(Method::HEAD, &map, "", None).await;
        assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
        assert_eq!((head.header("content-encoding"), head.header("etag")), (coding, answer.header("etag")));
        // Small answers and streams stay as they are.
        assert_eq!(client.get("/api/v1/cities/AAA").await.header("content-encoding"), "");
        let mut stream = client.events(&format!("{map}/events"), None).await;
        assert_eq!((stream.header("content-encoding"), stream.header("vary")), ("", ""));
        assert_eq!(stream.next().await.unwrap().name, "snapshot");
    }
    system.stop().await;
}

#[actix_web::test]
async fn a_write_takes_the_tag_that_a_client_got_with_any_coding() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    system.make_network(&admin, "ABC|DEF", 30).await;
    let blocked: Vec<String> =
        (1..=33).flat_map(|row| "ABCDEF".chars().map(move |letter| format!("{row}{letter}"))).collect();
    let layout = json!({"name": "A large one", "aircraft_type": "320", "exit_rows": [], "blocked_seats": blocked,
        "cabins": [{"cabin": "economy", "rows": [1, 40], "columns": "ABC|DEF"}]});
    let made = admin.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let (path, write) = (format!("/api/v1/seat-layouts/{id}"), format!("/api/v1/admin/seat-layouts/{id}"));
    for coding in ["identity", "gzip", "br"] {
        let client = admin.with_header("accept-encoding", coding);
        let read = client.get(&path).await;
        assert_eq!(read.header("content-encoding"), if coding == "identity" { "" } else { coding });
        let renamed = |name: &str| json!({"name": format!("{name} by {coding}")});
        let stale = client.with_header("if-match", "\"0-br\"").patch(&write, &renamed("Stale")).await;
        assert_eq!(stale.status, 412);
        let first =
            client.with_header("if-match", read.header("etag")).patch(&write, &renamed("First")).await;
        assert_eq!((first.status.as_u16(), &decoded(&first)["name"]), (200, &renamed("First")["name"]));
        // The tag of that answer is good for the next one, and the first one is not any more.
        let again = |tag: &str, name: &str| {
            let (client, body) = (client.with_header("if-match", tag), renamed(name));
            let write = write.clone();
            async move { client.patch(&write, &body).await.status.as_u16() }
        };
        assert_eq!(again(first.header("etag"), "Second").await, 200, "{coding}");
        assert_eq!(again(read.header("etag"), "Third").await, 412, "{coding}");
    }
    system.stop().await;
}

#[actix_web::test]
async fn who_refuses_plain_answers_gets_encoded_ones_or_406() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let accepting = |accepted: &str| admin.with_header("accept-encoding", accepted);
    let small = accepting("gzip, identity;q=0").get("/api/v1/cities/AAA").await;
    assert_eq!((small.header("content-encoding"), &decoded(&small)["code"]), ("gzip", &json!("AAA")));
    let missing = accepting("br, *;q=0").get("/api/v1/cities/QQQ").await;
    assert_eq!((missing.status.as_u16(), &decoded(&missing)["code"]), (404, &json!("not_found")));
    for nothing in ["identity;q=0", "*;q=0", "identity;q=0, zstd"] {
        let refused = accepting(nothing).get("/api/v1/cities").await;
        refused.expect_problem(406, "not_acceptable");
        assert_eq!(refused.header("vary"), "Accept-Encoding");
        let city = json!({"code": "CCC", "name": "Ceeville", "country": "GB", "time_zone": "Europe/London"});
        accepting(nothing).post("/api/v1/admin/cities", &city).await.expect_problem(406, "not_acceptable");
        admin.get("/api/v1/cities/CCC").await.expect_problem(404, "not_found");
    }
    let events = format!("/api/v1/flights/{}/seat-map/events", flight["id"].as_str().unwrap());
    accepting("gzip, identity;q=0").get(&events).await.expect_problem(406, "not_acceptable");
    system.stop().await;
}
