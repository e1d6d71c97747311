use crate::{
    fake_service::FakeService,
    gateway_fixture::{ADMIN, GatewayFixture, PASSWORD},
};
use gateway::{LimitSettings, config::Config};
use serde_json::json;
use shared::auth::{GATEWAY, LastingToken, SERVICE_TOKEN, ServiceTokens, WEB};
use testkit::{Client, SERVICE_TOKEN_SECRET};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const FLIGHT: &str = "/api/v1/flights/x";
const PLACES: &str = "/api/v1/places?q=lon";

/// A gateway behind a proxy on loopback, which names the clients.
async fn world(fake: &FakeService, configure: impl FnOnce(&mut Config)) -> GatewayFixture {
    let url = fake.url.clone();
    GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url.clone()];
        config.booking_urls = vec![url];
        config.trusted_proxies = "127.0.0.1".parse().unwrap();
        configure(config);
    })
    .await
}

fn from(world: &GatewayFixture, address: &str) -> Client {
    world.client.with_header("x-forwarded-for", address)
}

async fn status(client: &Client, path: &str) -> u16 {
    client.get(path).await.status.as_u16()
}

#[actix_web::test]
async fn an_address_has_so_many_requests_a_minute_of_each_class() {
    let fake = FakeService::start();
    let world = world(&fake, |config| {
        config.limits.rate_read_per_minute = 2;
        config.limits.rate_search_per_minute = 1;
    })
    .await;
    let client = from(&world, "198.51.100.7");
    let first = client.get(FLIGHT).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        (first.header("ratelimit-policy"), first.header("ratelimit")),
        ("\"read\";q=2;w=60", "\"read\";r=1;t=60")
    );
    // A path that is nowhere is read in vain, and counts.
    let unknown = client.get("/api/v1/nothing").await;
    unknown.expect_problem(404, "not_found");
    assert_eq!(unknown.header("ratelimit"), "\"read\";r=0;t=60");
    let refused = client.get(FLIGHT).await;
    refused.expect_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-policy"), "\"read\";q=2;w=60");
    assert_eq!(refused.header("ratelimit"), format!("\"read\";r=0;t={wait}"));
    assert_eq!(refused.json["request_id"], refused.header("x-request-id"));
    // Another class, another client, and probes.
    assert_eq!((status(&client, PLACES).await, status(&client, PLACES).await), (200, 429));
    assert_eq!(status(&from(&world, "198.51.100.8"), FLIGHT).await, 200);
    for _ in 0..5 {
        assert_eq!(status(&client, "/health/live").await, 200);
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_refusal_comes_before_the_body() {
    let fake = FakeService::start();
    let world = world(&fake, |config| config.limits.rate_auth_per_minute = 1).await;
    let body = json!({"refresh_token": "nobody's"});
    from(&world, "198.51.100.7").post("/api/v1/auth/logout", &body).await.expect(204);
    let mut connection = TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    let head = "POST /api/v1/auth/logout HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.7\r\n\
        content-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn an_account_counts_wherever_it_comes_from() {
    let fake = FakeService::start();
    let world = world(&fake, |config| config.limits.rate_write_per_minute = 2).await;
    let (ada, grace) = (world.customer("ada@example.org").await, world.customer("grace@example.org").await);
    let book = async |customer: &Client, address: &str| {
        let customer = customer.with_header("x-forwarded-for", address);
        customer.post("/api/v1/bookings", &json!({})).await.status.as_u16()
    };
    assert_eq!((book(&ada, "198.51.100.1").await, book(&ada, "198.51.100.2").await), (200, 200));
    assert_eq!(book(&ada, "198.51.100.3").await, 429);
    // The address still has what another account may use of it.
    assert_eq!(book(&grace, "198.51.100.1").await, 200);
    assert_eq!(book(&grace, "198.51.100.1").await, 429);
    // A token that is none earns an address no second allowance.
    let forged = world.client.with_token("nonsense");
    assert_eq!(book(&forged, "198.51.100.1").await, 429);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn the_permission_lifts_all_limits() {
    let fake = FakeService::start();
    let world = world(&fake, |config| {
        config.limits.rate_read_per_minute = 1;
        config.limits.rate_login_per_minute = 1;
        config.limits.rate_admin_per_minute = 1;
    })
    .await;
    let admin = world.admin().await;
    world.try_log_in(ADMIN, PASSWORD).await.expect_problem(429, "rate_limited");
    for _ in 0..3 {
        let answer = admin.get(FLIGHT).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""));
        assert_eq!(status(&admin, "/api/v1/users/me").await, 200);
    }
    // What it asked is not counted for its address.
    assert_eq!(status(&world.client, FLIGHT).await, 200);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn addresses_that_a_client_invents_count_for_nothing() {
    let fake = FakeService::start();
    let world = world(&fake, |config| {
        config.trusted_proxies = String::new().parse().unwrap();
        config.limits.rate_read_per_minute = 1;
    })
    .await;
    let proof = |secret: &str, service| {
        let token = LastingToken::new(ServiceTokens::new(secret.to_owned().into()), service).value().unwrap();
        world.client.with_header(SERVICE_TOKEN.as_str(), token.to_str().unwrap())
    };
    let pages = proof(SERVICE_TOKEN_SECRET, WEB);
    // The pages' server names browsers: each counts by itself, and all services hear of it.
    for browser in ["198.51.100.1", "198.51.100.2", "2001:db8::1"] {
        let client = pages.with_header("x-forwarded-for", browser);
        let seen = client.get(FLIGHT).await.expect(200);
        assert_eq!(seen["headers"]["x-forwarded-for"], browser);
        assert_eq!(status(&client, FLIGHT).await, 429);
    }
    assert_eq!(status(&world.client, FLIGHT).await, 200);
    let others = proof("another secret of thirty-two letters", WEB);
    for client in [&world.client, &others, &proof(SERVICE_TOKEN_SECRET, GATEWAY)] {
        let client = client.with_header("x-forwarded-for", "198.51.100.9");
        assert_eq!(status(&client, FLIGHT).await, 429);
    }
    assert_eq!(status(&pages.with_header("x-forwarded-for", "198.51.100.9"), FLIGHT).await, 200);
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_client_has_so_many_requests_at_once() {
    let mut fake = FakeService::start();
    let world = world(&fake, |config| {
        config.limits = LimitSettings { concurrent_read: 1, ..LimitSettings::lifted() };
    })
    .await;
    let mut slow = TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    // A request is in flight until the end of its answer.
    let parts = fake.parts.take().unwrap();
    parts.send("a part".into()).unwrap();
    let head = "GET /api/v1/cities/STREAM HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.7\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    read_until(&mut slow, &mut answer, "a part").await;
    let client = from(&world, "198.51.100.7");
    let refused = client.get(FLIGHT).await;
    refused.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit-policy"), "\"read\";q=1");
    assert_eq!(
        (status(&client, PLACES).await, status(&from(&world, "198.51.100.8"), FLIGHT).await),
        (200, 200)
    );
    drop(parts);
    read_until(&mut slow, &mut answer, "\r\n0\r\n\r\n").await;
    assert_eq!(status(&client, FLIGHT).await, 200);
    world.stop().await;
    fake.stop().await;
}

async fn read_until(connection: &mut TcpStream, answer: &mut Vec<u8>, end: &str) {
    while !String::from_utf8_lossy(answer).contains(end) {
        assert!(connection.read_buf(answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(answer));
    }
}
