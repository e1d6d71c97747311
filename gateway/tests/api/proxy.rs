use crate::{
    fake_service::FakeService,
    gateway_fixture::{ADMIN, GatewayFixture, nowhere},
};
use actix_web::test::TestRequest;
use awc::http::Method;
use serde_json::json;
use shared::{
    auth::{GATEWAY, SERVICE_TOKEN, ServiceTokens},
    ids::FlightId,
};
use testkit::SERVICE_TOKEN_SECRET;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn world_with(fake: &FakeService) -> GatewayFixture {
    let url = fake.url.clone();
    GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url.clone()];
        config.booking_urls = vec![url.clone()];
        config.mailer_urls = vec![url];
    })
    .await
}

#[actix_web::test]
async fn a_request_is_passed_on_as_it_came_and_vouched_for() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let client = world
        .client
        .with_header("x-request-id", "request-7")
        .with_header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .with_header("x-forwarded-for", "1.2.3.4")
        .with_header("x-forwarded-proto", "gopher")
        .with_header("forwarded", "for=1.2.3.4")
        .with_header("x-real-ip", "1.2.3.4")
        .with_header(SERVICE_TOKEN.as_str(), "forged")
        .with_header("te", "trailers")
        .with_header("accept-language", "de");
    let answer = client.get("/api/v1/search?origin=LHR&destination=a%20b%2Fc&date=").await;
    assert_eq!(answer.header("x-request-id"), "request-7");
    let seen = answer.expect(200);
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["target"], "/api/v1/search?origin=LHR&destination=a%20b%2Fc&date=");
    let headers = &seen["headers"];
    assert_eq!(headers["x-request-id"], "request-7");
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["accept-language"], "de");
    assert_eq!(headers["host"], fake.url.authority());
    let token = headers[SERVICE_TOKEN.as_str()].as_str().unwrap();
    let tokens = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into());
    let proven = TestRequest::get().insert_header((SERVICE_TOKEN, token)).to_http_request();
    assert_eq!(tokens.forwarder(&proven).as_deref(), Some(GATEWAY));
    let trace = headers["traceparent"].as_str().unwrap();
    assert!(trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && !trace.contains("00f067aa0ba902b7"));
    for gone in ["forwarded", "x-real-ip", "te"] {
        assert!(headers.get(gone).is_none(), "{gone}: {headers}");
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn the_gateways_token_goes_no_further_than_where_it_is_needed() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let seen = world.admin().await.get("/api/v1/admin/mail").await;
    assert_eq!(seen.header(SERVICE_TOKEN.as_str()), "");
    assert!(
        seen.expect(200)["headers"].get(SERVICE_TOKEN.as_str()).is_none(),
        "the mailer has no use for it"
    );
    for path in ["/api/v1/flights", "/api/v1/users/me", "/health/live", "/api/v1/cities/BARE"] {
        assert_eq!(world.client.get(path).await.header(SERVICE_TOKEN.as_str()), "", "{path}");
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_trusted_proxy_names_the_client() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url];
        config.trusted_proxies = "127.0.0.0/8".parse().unwrap();
        config.limits.rate_auth_per_minute = 1;
    })
    .await;
    let client = |addresses: &str| world.client.with_header("x-forwarded-for", addresses);
    let seen = client("1.1.1.1, 2.2.2.2").get("/api/v1/flights").await.expect(200);
    assert_eq!(seen["headers"]["x-forwarded-for"], "2.2.2.2");
    let log_out = async |addresses: &str| {
        let body = json!({"refresh_token": "nobody's"});
        client(addresses).post("/api/v1/auth/logout", &body).await.status.as_u16()
    };
    assert_eq!((log_out("1.1.1.1").await, log_out("2.2.2.2").await), (204, 204));
    assert_eq!(log_out("9.9.9.9, 1.1.1.1").await, 429, "what the client invents does not count");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn an_answer_is_passed_back_as_it_came() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let city = async |code: &str| world.client.get(&format!("/api/v1/cities/{code}")).await;
    let answer = city("HOPS").await;
    assert_eq!((answer.status.as_u16(), answer.bytes.as_slice()), (201, &b"made"[..]));
    assert_eq!((answer.header("x-end-to-end"), answer.header("etag")), ("1", "\"7\""));
    for gone in ["keep-alive", "access-control-allow-origin"] {
        assert_eq!(answer.header(gone), "", "{gone}");
    }
    let redirect = city("REDIRECT").await;
    assert_eq!(
        (redirect.status.as_u16(), redirect.header("location")),
        (302, "http://127.0.0.1:1/elsewhere")
    );
    let unchanged = city("UNCHANGED").await;
    assert_eq!((unchanged.status.as_u16(), unchanged.header("etag")), (304, "\"7\""));
    let zipped = city("ZIPPED").await;
    assert_eq!(
        (zipped.header("content-encoding"), zipped.bytes.as_slice()),
        ("gzip", &b"not really zipped"[..])
    );
    city("BARE").await.expect_problem(404, "not_found");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn headers_that_a_connection_names_end_with_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let world = GatewayFixture::start_with(move |config| config.flight_urls = vec![url]).await;
    let server = actix_web::rt::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close, x-hop\r\nx-hop: 1\r\nx-end: 1\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            let head = String::from_utf8_lossy(&buffer[..read]).into_owned();
            if !head.contains("/health/ready") {
                return head.to_ascii_lowercase();
            }
        }
    });
    let mut client = tokio::net::TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    let request = b"GET /api/v1/flights HTTP/1.1\r\nhost: x\r\nconnection: close, X-Private\r\nx-private: 1\r\nx-end: 1\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    let head = server.await.unwrap();
    assert!(answer.ends_with("ok") && answer.contains("x-end: 1") && !answer.contains("x-hop"), "{answer}");
    assert!(head.contains("x-end: 1") && !head.contains("x-private"), "{head}");
    world.stop().await;
}

#[actix_web::test]
async fn what_the_table_forbids_never_reaches_a_service() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let customer = world.customer("ada@example.org").await;
    let admin = world.admin().await;
    let id = FlightId::new();

    world.client.post("/api/v1/bookings", &json!({})).await.expect_problem(401, "unauthenticated");
    world.client.post("/api/v1/admin/flights", &json!({})).await.expect_problem(401, "unauthenticated");
    let refused = customer.post("/api/v1/admin/flights", &json!({})).await;
    refused.expect_problem(403, "forbidden");
    assert_eq!(refused.json["request_id"].as_str().unwrap(), refused.header("x-request-id"));
    customer.get("/api/v1/admin/mail").await.expect_problem(403, "forbidden");
    assert_eq!(
        admin.post("/api/v1/admin/flights", &json!({})).await.expect(200)["target"],
        "/api/v1/admin/flights"
    );
    assert_eq!(customer.post("/api/v1/bookings", &json!({})).await.expect(200)["method"], "POST");

    // A bad token is refused even where none is needed.
    let forged = world.client.with_token("nonsense");
    forged.get("/api/v1/flights").await.expect_problem(401, "unauthenticated");
    // A booking may also be read with the token of its lookup, which is booking's own.
    let booking = format!("/api/v1/bookings/{id}");
    assert_eq!(forged.get(&booking).await.expect(200)["headers"]["authorization"], "Bearer nonsense");
    world.client.get(&booking).await.expect_problem(401, "unauthenticated");
    forged.get("/api/v1/bookings").await.expect_problem(401, "unauthenticated");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn what_is_not_in_the_table_is_nowhere() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let admin = world.admin().await;
    let id = FlightId::new();
    for path in [
        "/internal/flights/x/close".to_owned(),
        format!("/internal/flights/{id}/close"),
        format!("/api/v1/internal/flights/{id}/close"),
        format!("/api/v1/flights/..%2f..%2finternal/flights/{id}/close"),
        "/metrics".to_owned(),
        "/api/v1/nothing".to_owned(),
        "/api/v1/auth/nothing".to_owned(),
        "/api/v1/flights/%2e%2e".to_owned(),
        "//internal".to_owned(),
    ] {
        admin.get(&path).await.expect_problem(404, "not_found");
        admin.post(&path, &json!({})).await.expect_problem(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/v1/flights", "GET, HEAD"),
        (Method::PUT, "/api/v1/bookings", "GET, HEAD, POST"),
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::PUT, "/api/v1/users/me", "DELETE, GET, HEAD, PATCH"),
        (Method::POST, "/.well-known/jwks.json", "GET, HEAD"),
        (Method::OPTIONS, "/api/v1/flights", "GET, HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/api/v1/flights", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
        (Method::POST, "/api/docs", "GET, HEAD"),
        (Method::DELETE, "/api/docs/index.html", "GET, HEAD"),
        (Method::POST, "/health/ready", "GET, HEAD"),
    ] {
        let answer = admin.send(method, path, "", None).await;
        answer.expect_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn long_addresses_and_large_headers_are_problems() {
    let world = GatewayFixture::start().await;
    let long = format!("/api/v1/search?origin={}", "x".repeat(9000));
    world.client.get(&long).await.expect_problem(414, "uri_too_long");
    let large = world.client.with_header("x-large", &"x".repeat(40_000));
    large.get("/api/v1/users/me").await.expect_problem(431, "headers_too_large");
    world.stop().await;
}

#[actix_web::test]
async fn a_service_that_is_not_there_is_503_and_another_still_answers() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| config.booking_urls = vec![nowhere(), url]).await;
    for _ in 0..3 {
        let answer = world.client.get("/api/v1/flights").await;
        answer.expect_problem(503, "upstream_unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let admin = world.admin().await;
    for size in [2, 200_000] {
        let body = Some(vec![b' '; size]);
        let answer = admin.send(Method::POST, "/api/v1/admin/flights", "application/json", body).await;
        answer.expect_problem(503, "upstream_unavailable");
    }
    // One of booking's instances is away: a GET goes to the other one.
    for _ in 0..4 {
        let _ = world.client.get(&format!("/api/v1/flights/{}/seat-map", FlightId::new())).await.expect(200);
    }
    // The gateway itself is well.
    let ready = world.client.get("/health/ready").await.expect(200);
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["time_zone_database"], shared::time_zones::version());
    assert_eq!(world.client.get("/health/live").await.status, 200);
    let _ = world.log_in(ADMIN).await;
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_service_that_is_silent_is_504() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url];
        config.upstream_timeout_ms = 200;
    })
    .await;
    world.client.get("/api/v1/cities/SILENT").await.expect_problem(504, "upstream_timeout");
    // A silent one is avoided after a while, without waiting for it each time.
    let asks = (0..8).map(|_| world.client.get("/api/v1/cities/SILENT"));
    for answer in futures_util::future::join_all(asks).await {
        assert!([503, 504].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_get_whose_connection_died_is_sent_once_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let world = GatewayFixture::start_with(move |config| config.flight_urls = vec![url]).await;
    let admin = world.admin().await;
    let server = actix_web::rt::spawn(async move {
        let mut heads = Vec::new();
        // Whatever is not a probe: dies, answers, dies.
        while heads.len() < 3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            let head = String::from_utf8_lossy(&buffer[..read]).lines().next().unwrap_or_default().to_owned();
            let probe = head.contains("/health/ready");
            if probe || heads.len() == 1 {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                    .await
                    .unwrap();
            }
            if !probe {
                heads.push(head);
            }
        }
        heads
    });
    assert_eq!(world.client.get("/api/v1/flights").await.bytes, b"ok");
    // What is not idempotent is not repeated.
    let answer = admin.post("/api/v1/admin/flights", &json!({})).await;
    answer.expect_problem(503, "upstream_unavailable");
    let heads = server.await.unwrap();
    assert_eq!(heads[0], "GET /api/v1/flights HTTP/1.1");
    assert_eq!(heads[0], heads[1]);
    assert_eq!(heads[2], "POST /api/v1/admin/flights HTTP/1.1");
    world.stop().await;
}

#[actix_web::test]
async fn head_is_a_get_without_a_body() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    for path in ["/api/v1/flights", "/.well-known/jwks.json", "/api/v1/cities/LARGE"] {
        let get = world.client.get(path).await;
        let head = world.client.send(Method::HEAD, path, "", None).await;
        assert_eq!((head.status, head.bytes.len()), (get.status, 0), "{path}");
        if path != "/api/v1/flights" {
            assert_eq!(head.header("content-length"), get.bytes.len().to_string(), "{path}");
        }
    }
    world.client.send(Method::HEAD, "/api/v1/users/me", "", None).await;
    world.stop().await;
    fake.stop().await;
}
