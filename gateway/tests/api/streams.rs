//! Streams of events on their way through the gateway.

use crate::{
    fake_service::FakeService,
    gateway_fixture::{GatewayFixture, nowhere},
};
use gateway::config::Config;
use serde_json::json;
use std::time::Duration;
use testkit::EventStream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedSender,
};

const PATH: &str = "/api/v1/flights/x/seat-map/events";

async fn world(fake: &FakeService, configure: impl FnOnce(&mut Config)) -> GatewayFixture {
    let url = fake.url.clone();
    GatewayFixture::start_with(move |config| {
        config.booking_urls = vec![url];
        configure(config);
    })
    .await
}

fn say(parts: &UnboundedSender<actix_web::web::Bytes>, id: u32) {
    parts.send(format!("event: seats\nid: {id}\ndata: {id}\n\n").into()).unwrap();
}

/// The id of the next event; `None` at the end.
async fn next(stream: &mut EventStream) -> Option<String> {
    stream.next().await.map(|event| event.id)
}

#[actix_web::test]
async fn events_pass_one_by_one_until_the_service_ends() {
    let mut fake = FakeService::start();
    let world = world(&fake, |_| {}).await;
    let parts = fake.parts.take().unwrap();
    say(&parts, 1);
    let mut stream = world.client.events(PATH, Some("7")).await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("x-seen"), "7", "the service hears what the client has seen");
    // Each is said only when the one before has come: nothing waits for more.
    for id in 1..=3 {
        assert_eq!(next(&mut stream).await, Some(id.to_string()));
        say(&parts, id + 1);
    }
    assert_eq!(next(&mut stream).await, Some("4".to_owned()));
    drop(parts);
    assert_eq!(next(&mut stream).await, None);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn streams_are_not_under_the_limits_of_ordinary_answers() {
    let mut fake = FakeService::start();
    let world = world(&fake, |config| config.upstream_timeout_ms = 100).await;
    let parts = fake.parts.take().unwrap();
    let mut stream = world.client.events(PATH, None).await;
    // An ordinary answer is given up after its time meanwhile, a stream that pauses for longer is not.
    for _ in 0..2 {
        let silent = world.client.get("/api/v1/flights/SILENT/seat-map").await;
        silent.expect_problem(504, "upstream_timeout");
    }
    say(&parts, 1);
    assert_eq!(next(&mut stream).await, Some("1".to_owned()));
    drop(parts);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_silent_stream_is_cut() {
    let mut fake = FakeService::start();
    let world = world(&fake, |config| config.stream_idle_ms = 50).await;
    let parts = fake.parts.take().unwrap();
    say(&parts, 1);
    let mut stream = world.client.events(PATH, None).await;
    assert_eq!(next(&mut stream).await, Some("1".to_owned()));
    assert_eq!(next(&mut stream).await, None);
    drop(parts);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn the_service_is_left_when_the_client_goes() {
    let mut fake = FakeService::start();
    let world = world(&fake, |_| {}).await;
    let parts = fake.parts.take().unwrap();
    say(&parts, 1);
    let mut stream = world.client.events(PATH, None).await;
    assert_eq!(next(&mut stream).await, Some("1".to_owned()));
    drop(stream);
    // Each side finds out by what it says; in the end nobody asks the service for more.
    let left = async {
        while !parts.is_closed() {
            let _ = parts.send(": heartbeat\n\n".into());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), left).await.expect("the service is left");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_client_has_so_many_streams() {
    let mut fake = FakeService::start();
    let world = world(&fake, |config| {
        config.streams_per_client = 1;
        config.trusted_proxies = "127.0.0.1".parse().unwrap();
    })
    .await;
    let parts = fake.parts.take().unwrap();
    say(&parts, 1);
    let from = |address: &str| world.client.with_header("x-forwarded-for", address);
    let mut stream = from("2001:db8::1").events(PATH, None).await;
    assert_eq!(next(&mut stream).await, Some("1".to_owned()));
    let refused = from("2001:db8::2").get(PATH).await;
    refused.expect_problem(429, "rate_limited");
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("1", "\"streams\";r=0;t=1"));
    // The stream has been told: these answers are ordinary ones.
    let other = "/api/v1/flights/y/seat-map/events";
    from("2001:db8:0:1::1").get(other).await.expect(200);
    let tokens = world.log_in(crate::gateway_fixture::ADMIN).await;
    let exempt = from("2001:db8::2").with_token(tokens["access_token"].as_str().unwrap());
    exempt.get(other).await.expect(200);
    drop(parts);
    assert_eq!(next(&mut stream).await, None);
    from("2001:db8::2").get(other).await.expect(200);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn streams_are_bounded_and_do_not_take_the_places_of_requests() {
    let mut fake = FakeService::start();
    let world = world(&fake, |config| config.streams = 1).await;
    let parts = fake.parts.take().unwrap();
    say(&parts, 1);
    let mut stream = world.client.events(PATH, None).await;
    assert_eq!(next(&mut stream).await, Some("1".to_owned()));
    let refused = world.client.get(PATH).await;
    refused.expect_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    let _ = world.client.get("/api/v1/flights/x/seat-map").await.expect(200);
    drop(parts);
    assert_eq!(next(&mut stream).await, None);
    // The first one's place is free again; its stream has been told, this answer is an ordinary one.
    world.client.get("/api/v1/flights/y/seat-map/events").await.expect(200);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_stop_does_not_wait_for_streams() {
    let mut fake = FakeService::start();
    let world = world(&fake, |_| {}).await;
    let parts = fake.parts.take().unwrap();
    say(&parts, 1);
    let mut stream = world.client.events(PATH, None).await;
    assert_eq!(next(&mut stream).await, Some("1".to_owned()));
    let ((), end) = futures_util::future::join(world.stop(), next(&mut stream)).await;
    assert_eq!(end, None);
    drop(parts);
    fake.stop().await;
}

#[actix_web::test]
async fn a_service_that_is_not_there_is_told_before_the_stream_begins() {
    let world = GatewayFixture::start_with(|config| config.booking_urls = vec![nowhere()]).await;
    world.client.get(PATH).await.expect_problem(503, "upstream_unavailable");
    world.client.post(PATH, &json!({})).await.expect_problem(405, "method_not_allowed");
    world.stop().await;
}

/// Serves one request with these bytes and goes away.
async fn cut_short(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let world = GatewayFixture::start_with(move |config| config.booking_urls = vec![url]).await;
    let server = actix_web::rt::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            if String::from_utf8_lossy(&request[..read]).contains("/seat-map") {
                stream.write_all(answer).await.unwrap();
                return;
            }
        }
    });
    let mut client = TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    let request = "GET /api/v1/flights/x/seat-map HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    // However the connection ends.
    let _ = client.read_to_end(&mut seen).await;
    server.await.unwrap();
    world.stop().await;
    String::from_utf8(seen).unwrap()
}

#[actix_web::test]
async fn chunks_that_stop_short_are_not_taken_for_a_whole_answer() {
    let seen = cut_short(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    assert!(!seen.ends_with("0\r\n\r\n"), "{seen}");
    let seen = cut_short(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n4\r\nof").await;
    assert!(!seen.ends_with("0\r\n\r\n"), "{seen}");
}

#[actix_web::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let seen = cut_short(b"HTTP/1.0 200 OK\r\n\r\nwhole").await;
    assert!(seen.ends_with("5\r\nwhole\r\n0\r\n\r\n"), "{seen}");
}
