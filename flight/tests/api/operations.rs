//! What the service tells the gateway of itself: its status, and its dead letters.

use crate::service::Service;
use serde_json::{Value, json};
use shared::{
    auth::{Permission, ServiceTokens},
    events::{Event, EventType},
    ids::{FlightId, UserId},
};
use std::sync::Arc;
use testkit::{Client, SERVICE_TOKEN_SECRET};

fn gateway(service: &Service) -> Client {
    let tokens = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into());
    service.anybody.with_header("authorization", &tokens.authorization("gateway").expect("a token"))
}

/// Publishes seats that cannot be read; gives the dead letter of the work queue.
async fn break_seats(service: &Service, gateway: &Client) -> (Event, Value) {
    let event =
        Event::new("booking", EventType::SeatsChanged, "x", 1, &json!({"token": "t", "flight_id": 7}));
    service.bus.publish(Arc::new(event.clone())).await.expect("a confirm");
    let list = gateway.get("/internal/dead-letters").await.expect(200);
    let letters = list["data"].as_array().expect("a list");
    let of_queue = letters.iter().find(|letter| letter["queue"] == "flight.availability");
    (event, of_queue.expect("a dead letter").clone())
}

#[actix_web::test]
async fn a_dead_letter_is_replayed_once_and_recorded_once() {
    let service = Service::start().await;
    let gateway = gateway(&service);
    let (event, letter) = break_seats(&service, &gateway).await;
    assert_eq!(letter["event_id"], event.id.to_string());
    assert_eq!(letter["event"]["data"], json!({"token": "***", "flight_id": 7}), "secrets are masked");
    let path = format!("/internal/dead-letters/{}/replay", letter["id"].as_str().expect("an id"));
    let actor = UserId::new();
    let by = json!({"actor": actor});
    gateway.post(&path, &by).await.expect_problem(409, "conflict");
    assert!(service.database.audit_records("flight").await.is_empty(), "nothing was replayed");

    let seats = json!({"flight_id": FlightId::new(), "version": 1, "held": [], "sold": ["4A"]});
    let mended = Event { data: shared::events::Json::of(&seats), ..event };
    let payload: String = mended.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    {
        use diesel_async::RunQueryDsl;
        let update = format!("UPDATE dead_letters SET payload = '\\x{payload}'");
        diesel::sql_query(update).execute(&mut service.connect().await).await.expect("a change");
    }
    let twice = futures_util::future::join_all([gateway.post(&path, &by), gateway.post(&path, &by)]).await;
    for answer in twice {
        assert!(answer.expect(200)["replayed_at"].is_string());
    }
    let records = service.database.audit_records("flight").await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!((&records[0]["action"], &records[0]["actor"]), (&json!("dead_letter.replay"), &json!(actor)));
    let waiting = gateway.get("/internal/status").await.expect(200)["dead_letters"].clone();
    // The instance's own queue could not read the message either.
    assert_eq!(waiting, 1);
}

#[actix_web::test]
async fn the_status_tells_release_outbox_and_dead_letters() {
    let service = Service::start().await;
    let gateway = gateway(&service);
    let status = gateway.get("/internal/status").await.expect(200);
    assert_eq!((&status["service"], &status["dead_letters"]), (&json!("flight"), &json!(0)));
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["started_at"].is_string());
    assert!(status["outbox_pending"].is_i64() && status["oldest_pending_seconds"].is_i64());
    break_seats(&service, &gateway).await;
    assert_eq!(gateway.get("/internal/status").await.expect(200)["dead_letters"], 2, "one of each queue");
}

#[actix_web::test]
async fn internal_routes_are_for_services_alone() {
    let service = Service::start().await;
    let operator = service.client(&[Permission::SystemCheck]);
    let replay = format!("/internal/dead-letters/{}/replay", UserId::new());
    for client in [&service.anybody, &operator] {
        client.get("/internal/dead-letters").await.expect_problem(401, "unauthenticated");
        client.post(&replay, &json!({"actor": UserId::new()})).await.expect_problem(401, "unauthenticated");
    }
    service.anybody.get("/internal/status").await.expect_problem(401, "unauthenticated");
    // Services without the secret let the gateway ask with the operator's own token.
    operator.get("/internal/status").await.expect(200);
    service.client(&[Permission::FlightWrite]).get("/internal/status").await.expect_problem(403, "forbidden");
    let gateway = gateway(&service);
    gateway.post(&replay, &json!({"actor": UserId::new()})).await.expect_problem(404, "not_found");
    gateway.post(&replay, &json!({})).await.expect_problem(422, "validation_failed");
    gateway.get("/internal/dead-letters?limit=0").await.expect_problem(422, "validation_failed");
}
