//! What operators see of the system: instances, and dead letters of other services.

use crate::{
    fake_service::FakeService,
    gateway_fixture::{GatewayFixture, nowhere},
};
use serde_json::{Value, json};
use shared::telemetry::metrics::{recorder, render};
use uuid::Uuid;

fn service<'a>(report: &'a Value, name: &str) -> &'a Value {
    let services = report["services"].as_array().expect("a list");
    services.iter().find(|service| service["service"] == name).expect("the service")
}

#[actix_web::test]
async fn a_service_that_does_not_answer_is_shown_with_nulls() {
    let world = GatewayFixture::start_with(|config| {
        config.flight_urls = vec![nowhere(), nowhere()];
    })
    .await;
    let admin = world.admin().await;
    let answer = admin.get("/api/v1/admin/system").await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let report = answer.expect(200);
    let names: Vec<_> = report["services"].as_array().unwrap().iter().map(|one| &one["service"]).collect();
    assert_eq!(names, ["gateway", "flight", "booking", "mailer"]);
    let own = service(&report, "gateway");
    assert_eq!(own["instances"][0]["address"], world.base);
    assert_eq!(own["instances"][0]["state"], "ready");
    assert!(own["instances"][0]["started_at"].is_string() && own["outbox_pending"].is_i64());
    assert_eq!(own["dead_letters"], 0);
    let flight = service(&report, "flight");
    assert_eq!(flight["instances"].as_array().unwrap().len(), 2);
    for instance in flight["instances"].as_array().unwrap() {
        assert_eq!((&instance["version"], &instance["started_at"]), (&Value::Null, &Value::Null));
        assert!(instance["state"].is_string());
    }
    for name in ["outbox_pending", "oldest_pending_seconds", "dead_letters"] {
        assert_eq!(flight[name], Value::Null, "{name}");
    }
    world
        .customer("ada@example.org")
        .await
        .get("/api/v1/admin/system")
        .await
        .expect_problem(403, "forbidden");
    world.stop().await;
}

#[actix_web::test]
async fn a_service_is_asked_for_its_dead_letters_in_the_name_of_the_operator() {
    let flight = FakeService::start();
    let url = flight.url.clone();
    let world = GatewayFixture::start_with(|config| config.flight_urls = vec![nowhere(), url]).await;
    let admin = world.admin().await;
    let asked = admin.get("/api/v1/admin/dead-letters/flight?limit=3").await.expect(200);
    assert_eq!(
        (&asked["method"], &asked["target"]),
        (&json!("GET"), &json!("/internal/dead-letters?limit=3"))
    );
    let id = Uuid::now_v7();
    let replayed = admin.post(&format!("/api/v1/admin/dead-letters/flight/{id}/replay"), &json!({})).await;
    let request = replayed.header("x-request-id").to_owned();
    let asked = replayed.expect(200);
    assert_eq!(asked["target"], format!("/internal/dead-letters/{id}/replay"));
    let me = admin.get("/api/v1/users/me").await.expect(200);
    assert_eq!(asked["body"], json!({"actor": me["id"]}).to_string());
    assert_eq!(asked["headers"]["x-request-id"], request);
    let authorization = asked["headers"]["authorization"].as_str().unwrap();
    assert!(authorization.starts_with("Bearer ey"), "the gateway's own token");

    for path in ["mailer", "web", "FLIGHT"] {
        admin.get(&format!("/api/v1/admin/dead-letters/{path}")).await.expect_problem(404, "not_found");
        let replay = format!("/api/v1/admin/dead-letters/{path}/{id}/replay");
        admin.post(&replay, &json!({})).await.expect_problem(404, "not_found");
    }
    admin.get("/api/v1/admin/dead-letters/booking").await.expect_problem(503, "upstream_unavailable");
    let own = format!("/api/v1/admin/dead-letters/gateway/{id}/replay");
    admin.post(&own, &json!({})).await.expect_problem(404, "not_found");
    admin
        .post("/api/v1/admin/dead-letters/gateway/x/replay", &json!({}))
        .await
        .expect_problem(404, "not_found");
    admin.get("/api/v1/admin/dead-letters/gateway?limit=0").await.expect_problem(422, "validation_failed");
    flight.stop().await;
    world.stop().await;
}

#[actix_web::test]
async fn who_asks_for_more_than_is_permitted_is_counted() {
    recorder();
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| config.flight_urls = vec![url]).await;
    let ada = world.customer("ada@example.org").await;
    let counted = |times: u32| {
        render().contains(&format!("aerobus_security_events_total{{event=\"permission_refused\"}} {times}"))
    };
    ada.get("/api/v1/users/me").await.expect(200);
    // A service that refuses for another reason.
    assert_eq!(ada.get("/api/v1/cities/UNVERIFIED").await.status, 403);
    assert!(!render().contains("permission_refused"));
    ada.get("/api/v1/admin/audit").await.expect_problem(403, "forbidden");
    assert!(counted(1));
    assert_eq!(ada.get("/api/v1/cities/FORBIDDEN").await.status, 403);
    assert!(counted(2));
    let head = ada.send("HEAD".parse().unwrap(), "/api/v1/admin/audit", "", None).await;
    assert_eq!(head.status, 403);
    assert!(counted(3));
    world.stop().await;
    fake.stop().await;
}
