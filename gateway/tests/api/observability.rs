use crate::{
    fake_service::FakeService,
    gateway_fixture::{GatewayFixture, nowhere},
};
use awc::http::Method;
use shared::telemetry::metrics::{recorder, render};

/// Whether a line of the metrics has this name and these labels.
fn told(metrics: &str, name: &str, labels: &[&str]) -> bool {
    let mut lines = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    lines.any(|line| labels.iter().all(|label| line.contains(label)))
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_class_and_never_by_path() {
    recorder();
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| {
        config.flight_urls = vec![url];
        config.booking_urls = vec![nowhere()];
        config.limits.rate_search_per_minute = 1;
    })
    .await;
    for (path, status) in [
        ("/api/v1/flights/private-id", 200),
        ("/api/v1/places?q=private-query", 200),
        ("/api/v1/places?q=private-query", 429),
        ("/api/v1/private-path", 404),
        ("/api/v1/flights/private-id/seat-map", 503),
        ("/api/docs/private-file", 404),
    ] {
        assert_eq!(world.client.get(path).await.status.as_u16(), status, "{path}");
    }
    // What is refused or answered early is counted, too.
    let large = world.client.with_header("x-large", &"x".repeat(40_000));
    assert_eq!(large.get("/api/v1/flights/private-id").await.status, 431);
    let preflight = world
        .client
        .with_header("origin", "https://x.example")
        .with_header("access-control-request-method", "GET");
    assert_eq!(preflight.send(Method::OPTIONS, "/", "", None).await.status, 204);
    let refused = world.client.with_token("aero_nonsense").get("/api/v1/flights/private-id").await;
    assert_eq!(refused.status, 401);
    let metrics = render();
    for (name, labels) in [
        (
            "http_requests_total",
            &[r#"route="/api/v1/flights/{id}""#, r#"class="read""#, r#"method="GET""#, r#"status="200""#][..],
        ),
        ("http_requests_total", &[r#"route="/api/v1/places""#, r#"class="search""#, r#"status="429""#]),
        ("http_requests_total", &[r#"route="unmatched""#, r#"class="read""#, r#"status="404""#]),
        ("http_requests_total", &[r#"route="/api/docs/{file:.*}""#, r#"status="404""#]),
        ("http_requests_total", &[r#"route="/api/v1/flights/{id}""#, r#"class="read""#, r#"status="431""#]),
        ("http_requests_total", &[r#"class="none""#, r#"method="OPTIONS""#, r#"status="204""#]),
        ("http_requests_total", &[r#"route="/api/v1/flights/{id}""#, r#"class="read""#, r#"status="401""#]),
        ("http_request_seconds_bucket", &[r#"route="/api/v1/flights/{id}""#, r#"class="read""#]),
        ("aerobus_limit_refusals_total", &[r#"class="search""#, r#"client="address""#, r#"kind="rate""#]),
        ("upstream_requests_total", &[r#"service="flight""#, r#"route="/api/v1/flights/{id}""#]),
        ("aerobus_upstream_failures_total", &[r#"service="booking""#, r#"kind="refused""#]),
        ("aerobus_upstream_instances", &[r#"service="flight""#, r#"state="ready""#]),
    ] {
        assert!(told(&metrics, name, labels), "{name} {labels:?} in\n{metrics}");
    }
    assert!(!metrics.contains("private"), "{metrics}");
    world.stop().await;
    fake.stop().await;
}
