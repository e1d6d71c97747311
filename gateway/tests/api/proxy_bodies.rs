use crate::{fake_service::FakeService, gateway_fixture::GatewayFixture};
use awc::http::Method;
use futures_util::{StreamExt, stream};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: usize = 256 * 1024;

async fn world_with(fake: &FakeService) -> GatewayFixture {
    let url = fake.url.clone();
    GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url.clone()];
        config.booking_urls = vec![url];
    })
    .await
}

#[actix_web::test]
async fn bodies_up_to_the_limit_pass_whole() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let customer = world.customer("ada@example.org").await;
    for size in [0, 1, LIMIT] {
        let answer =
            customer.send(Method::POST, "/api/v1/bookings", "application/json", Some(vec![b' '; size])).await;
        assert_eq!(answer.expect(200)["length"], size);
    }
    let over = customer
        .send(Method::POST, "/api/v1/bookings", "application/json", Some(vec![b' '; LIMIT + 1]))
        .await;
    over.expect_problem(413, "payload_too_large");
    let large = world.client.get("/api/v1/cities/LARGE").await;
    assert_eq!(large.bytes.len(), 5 << 20);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn only_imports_have_large_bodies() {
    const IMPORT: usize = 32 << 20;
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let tokens = world.log_in(crate::gateway_fixture::ADMIN).await;
    let token = tokens["access_token"].as_str().unwrap();
    let admin = world.client.with_token(token);
    let file = Some(vec![b'x'; IMPORT]);
    let answer = admin.send(Method::POST, "/api/v1/admin/cities/import", "text/csv", file).await;
    assert_eq!(answer.expect(200)["length"], IMPORT);
    for (path, length) in [("cities/import", 100 << 20), ("cities/import", IMPORT + 1), ("cities", LIMIT + 1)]
    {
        // The head alone is refused: nothing of the body is sent.
        let address = world.base.trim_start_matches("http://");
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/v1/admin/{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: text/csv\r\nContent-Length: {length}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{path} {length}");
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn bodies_of_unknown_length_are_counted() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let tokens = world.log_in(crate::gateway_fixture::ADMIN).await;
    let post = async |parts: usize| {
        let parts = stream::iter(
            (0..parts).map(|_| Ok::<_, std::io::Error>(actix_web::web::Bytes::from(vec![b'x'; 1024]))),
        );
        awc::Client::builder()
            .timeout(Duration::from_secs(30))
            .finish()
            .post(format!("{}/api/v1/bookings", world.base))
            .bearer_auth(tokens["access_token"].as_str().unwrap())
            .content_type("application/json")
            .send_stream(Box::pin(parts))
            .await
    };
    let mut fits = post(256).await.unwrap();
    let seen: serde_json::Value = fits.json().await.unwrap();
    assert_eq!(seen["length"], LIMIT);
    assert_eq!(seen["headers"]["content-length"], LIMIT.to_string(), "it is whole before it is passed on");
    let mut over = post(257).await.unwrap();
    assert_eq!(over.status(), 413);
    let problem: serde_json::Value = over.json().await.unwrap();
    assert_eq!(problem["code"], "payload_too_large");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn an_answer_is_passed_on_piece_by_piece() {
    let mut fake = FakeService::start();
    let world = world_with(&fake).await;
    let parts = fake.parts.take().unwrap();
    parts.send("first".into()).unwrap();
    let client = awc::Client::builder().timeout(Duration::from_secs(30)).finish();
    let mut response = client.get(format!("{}/api/v1/cities/STREAM", world.base)).send().await.unwrap();
    assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
    // The second part is sent only when the first has come: nothing waits for the whole.
    assert_eq!(response.next().await.unwrap().unwrap(), "first");
    parts.send("second".into()).unwrap();
    assert_eq!(response.next().await.unwrap().unwrap(), "second");
    drop(parts);
    assert!(response.next().await.is_none());
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_stalled_answer_ends_and_is_not_taken_for_whole() {
    let mut fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url];
        config.upstream_timeout_ms = 200;
    })
    .await;
    let parts = fake.parts.take().unwrap();
    parts.send("first".into()).unwrap();
    let mut client = tokio::net::TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    client.write_all(b"GET /api/v1/cities/STREAM HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    // The last chunk, which says that the body is whole, never comes.
    assert!(answer.contains("first") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    drop(parts);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_client_that_stalls_is_not_the_services_fault() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| {
        config.booking_urls = vec![url];
        config.upstream_timeout_ms = 200;
    })
    .await;
    let stalls = (0..10).map(|_| async {
        let mut client =
            tokio::net::TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
        let head = b"POST /api/v1/bookings/lookup HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
        client.write_all(head).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = client.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    for answer in futures_util::future::join_all(stalls).await {
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let lookup = world.client.post("/api/v1/bookings/lookup", &serde_json::json!({})).await;
    assert_eq!(lookup.expect(200)["length"], 2);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_service_hears_of_a_request_once_its_body_is_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let world = GatewayFixture::start_with(move |config| {
        config.booking_urls = vec![url];
        config.upstream_timeout_ms = 5000;
    })
    .await;
    let address = world.base.trim_start_matches("http://").to_owned();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let server = actix_web::rt::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let heard = heard.clone();
            actix_web::rt::spawn(async move {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                if !request.contains("/health/ready") {
                    heard.send(request).unwrap();
                }
            });
        }
    });
    let mut slow = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head =
        b"POST /api/v1/bookings/lookup HTTP/1.1\r\nhost: x\r\nx-who: slow\r\ncontent-length: 2\r\n\r\n{";
    slow.write_all(head).await.unwrap();
    let mut quick = tokio::net::TcpStream::connect(&address).await.unwrap();
    let whole =
        b"POST /api/v1/bookings/lookup HTTP/1.1\r\nhost: x\r\nx-who: quick\r\ncontent-length: 2\r\n\r\n{}";
    quick.write_all(whole).await.unwrap();
    let first = hears.recv().await.unwrap();
    assert!(first.contains("quick"), "{first}");
    slow.write_all(b"}").await.unwrap();
    let second = hears.recv().await.unwrap();
    assert!(second.contains("slow") && second.ends_with("{}"), "{second}");
    server.abort();
    world.stop().await;
}

#[actix_web::test]
async fn an_answer_cut_short_is_not_taken_for_whole() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let world = GatewayFixture::start_with(move |config| config.flight_urls = vec![url]).await;
    let server = actix_web::rt::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
            if !String::from_utf8_lossy(&buffer[..read]).contains("/health/ready") {
                return;
            }
        }
    });
    let mut client = tokio::net::TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    client.write_all(b"GET /api/v1/flights HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // However it ends, it ends before ten bytes of body.
    let _ = client.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    assert!(body.len() < 10 && (answer.is_empty() || answer.contains("content-length: 10")), "{answer}");
    server.await.unwrap();
    world.stop().await;
}

#[actix_web::test]
async fn what_is_no_http_does_no_harm() {
    let fake = FakeService::start();
    let world = world_with(&fake).await;
    let address = world.base.trim_start_matches("http://").to_owned();
    let send = async |bytes: &[u8]| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = vec![0; 65536];
        let read = stream.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    let host = "host: x\r\n";
    // Two ways to tell the length: whoever believes the other one could be made to see a second request.
    let smuggled = format!(
        "POST /api/v1/bookings HTTP/1.1\r\n{host}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /internal HTTP/1.1\r\n\r\n"
    );
    assert!(send(smuggled.as_bytes()).await.starts_with("HTTP/1.1 4"));
    let negative = format!("POST /api/v1/bookings HTTP/1.1\r\n{host}content-length: -1\r\n\r\n");
    assert!(send(negative.as_bytes()).await.starts_with("HTTP/1.1 4"));
    let _ = send(b"\x16\x03\x01\x02\x00").await;
    let huge = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(200_000));
    let _ = send(huge.as_bytes()).await;
    let absolute = format!("GET http://elsewhere.example/internal/x HTTP/1.1\r\n{host}\r\n");
    assert!(send(absolute.as_bytes()).await.starts_with("HTTP/1.1 404"));
    let connect = format!("CONNECT elsewhere.example:80 HTTP/1.1\r\n{host}\r\n");
    assert!(send(connect.as_bytes()).await.starts_with("HTTP/1.1 4"));
    let _ = world.client.get("/api/v1/flights").await.expect(200);
    world.stop().await;
    fake.stop().await;
}
