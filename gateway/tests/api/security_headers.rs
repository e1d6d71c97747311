use crate::{fake_service::FakeService, gateway_fixture::GatewayFixture};
use awc::http::Method;
use testkit::Answer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const CSP: &str = "content-security-policy";
const OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'";
const HSTS: &str = "strict-transport-security";

async fn world(fake: &FakeService) -> GatewayFixture {
    let url = fake.url.clone();
    GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url.clone()];
        config.booking_urls = vec![url];
        config.cors_origins = vec!["https://book.example.org".to_owned()];
        config.limits.rate_search_per_minute = 1;
    })
    .await
}

fn assert_guarded(answer: &Answer, what: &str) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(answer.header(CSP), OF_DATA, "{what}");
    assert_eq!(answer.headers.get_all(CSP).count(), 1, "{what}");
    assert_eq!(answer.header(HSTS), "", "{what}");
}

#[actix_web::test]
async fn every_kind_of_answer_has_them() {
    let mut fake = FakeService::start();
    // The stream of events ends at once.
    drop(fake.parts.take());
    let world = world(&fake).await;
    for (path, status) in [
        ("/", 200),
        ("/health/live", 200),
        ("/.well-known/jwks.json", 200),
        ("/api/openapi.json", 200),
        ("/api/docs", 308),
        ("/api/v1/flights", 200),
        ("/api/v1/cities/UNCHANGED", 304),
        ("/api/v1/cities/REDIRECT", 302),
        ("/api/v1/cities/BARE", 404),
        ("/api/v1/nothing", 404),
        ("/api/docs/nothing", 404),
        ("/api/v1/users/me", 401),
        ("/api/v1/admin/mail", 401),
        ("/api/v1/auth/login", 405),
        ("/api/v1/places", 200),
        ("/api/v1/places", 429),
        ("/api/v1/flights/x/seat-map/events", 200),
    ] {
        let answer = world.client.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_guarded(&answer, path);
    }
    let large = world.client.with_header("x-large", &"x".repeat(40_000)).get("/").await;
    assert_eq!(large.status, 431);
    assert_guarded(&large, "431");
    let unacceptable = world.client.with_header("accept-encoding", "identity;q=0, *;q=0").get("/").await;
    assert_eq!(unacceptable.status, 406);
    assert_guarded(&unacceptable, "406");
    let page = world.client.with_header("origin", "https://book.example.org");
    let preflight =
        page.with_header("access-control-request-method", "GET").send(Method::OPTIONS, "/", "", None).await;
    assert_eq!(preflight.status, 204);
    assert_guarded(&preflight, "preflight");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn what_is_no_request_has_them() {
    let world = GatewayFixture::start().await;
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200)), "431"),
    ] {
        let mut connection = TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        for header in
            ["x-content-type-options: nosniff", &format!("{CSP}: {OF_DATA}"), "referrer-policy: no-referrer"]
        {
            assert!(answer.contains(header), "{answer}");
        }
    }
    world.stop().await;
}

#[actix_web::test]
async fn pages_say_themselves_what_they_need() {
    let fake = FakeService::start();
    let world = world(&fake).await;
    let page = world.client.get("/api/v1/cities/PAGE").await;
    assert_eq!((page.header(CSP), page.header("referrer-policy")), ("default-src 'self'", "same-origin"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    for file in ["", "index.html", "swagger-initializer.js"] {
        let answer = world.client.get(&format!("/api/docs/{file}")).await;
        let policy = answer.header(CSP);
        assert!(
            policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = String::from_utf8(answer.bytes.clone()).unwrap();
        if file.ends_with("html") {
            // The policy lets no script run that stands in the page itself.
            assert_eq!(text.matches("<script").count(), text.matches("<script src=").count(), "{text}");
            assert!(
                !text.contains("<style") && !text.contains("style=") && !text.contains("onload="),
                "{text}"
            );
        }
    }
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn browsers_are_told_to_use_tls_where_clients_do() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url];
        config.trusted_proxies = "127.0.0.1".parse().unwrap();
    })
    .await;
    let by = |scheme: &str| world.client.with_header("x-forwarded-proto", scheme);
    let secure = by("https").get("/api/v1/flights").await;
    assert_eq!(secure.header(HSTS), "max-age=31536000");
    assert_eq!(secure.expect(200)["headers"]["x-forwarded-proto"], "https");
    assert_eq!(by("http").get("/").await.header(HSTS), "");
    world.stop().await;
    let world = GatewayFixture::start_with(|config| config.behind_tls = true).await;
    assert_eq!(world.client.get("/api/v1/nothing").await.header(HSTS), "max-age=31536000");
    world.stop().await;
    let world = GatewayFixture::start().await;
    let claimed = world.client.with_header("x-forwarded-proto", "https").get("/").await;
    assert_eq!(claimed.header(HSTS), "", "anybody could say so");
    world.stop().await;
    fake.stop().await;
}
