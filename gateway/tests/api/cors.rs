use crate::gateway_fixture::GatewayFixture;
use awc::http::Method;

const ORIGIN: &str = "https://book.example.org";

async fn world() -> GatewayFixture {
    GatewayFixture::start_with(|config| config.cors_origins = vec![ORIGIN.to_owned()]).await
}

#[actix_web::test]
async fn pages_of_known_origins_may_call() {
    let world = world().await;
    let page = world.client.with_header("origin", ORIGIN);
    let preflight = page
        .with_header("access-control-request-method", "PATCH")
        .with_header("access-control-request-headers", "authorization, idempotency-key")
        .send(Method::OPTIONS, "/api/v1/users/me", "", None)
        .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), ORIGIN);
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
    for name in [
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Last-Event-ID",
        "traceparent",
    ] {
        assert!(preflight.header("access-control-allow-headers").contains(name), "{name}");
    }
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    // Refusals can be read too.
    let refused = page.get("/api/v1/users/me").await;
    refused.expect_problem(401, "unauthenticated");
    assert_eq!(refused.header("access-control-allow-origin"), ORIGIN);
    assert!(refused.headers.get_all("vary").any(|value| value == "Origin"));
    for name in ["ETag", "Location", "Retry-After", "RateLimit", "x-request-id", "idempotent-replayed"] {
        assert!(refused.header("access-control-expose-headers").contains(name), "{name}");
    }
    world.stop().await;
}

#[actix_web::test]
async fn pages_of_other_origins_may_not() {
    let world = world().await;
    for origin in [
        "https://evil.example.org",
        "https://book.example.org.evil.example",
        "null",
        "http://book.example.org",
    ] {
        let page = world.client.with_header("origin", origin);
        let preflight = page.with_header("access-control-request-method", "GET");
        for answer in
            [preflight.send(Method::OPTIONS, "/api/v1/users/me", "", None).await, page.get("/").await]
        {
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
            assert!(answer.headers.get_all("vary").any(|value| value == "Origin"));
        }
    }
    world.stop().await;
}
