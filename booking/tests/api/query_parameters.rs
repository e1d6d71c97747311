//! Unknown query parameters of what writes: a typo never passes silently.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use actix_web::http::Method;
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};

/// All routes of the service's own document that write.
fn writing(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, methods)| {
        let names = methods.as_object().unwrap().keys();
        let methods = names.filter_map(|name| name.to_uppercase().parse::<Method>().ok());
        methods.map(move |method| (method, path.clone()))
    });
    methods.filter(|(method, _)| !method.is_safe()).collect()
}

#[actix_web::test]
async fn nothing_that_writes_takes_a_query_parameter() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.user(0, UserId::new(), Permission::ALL);
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let held = client.post("/api/v1/bookings", &body).await.expect(201);
    let (id, passenger_id) = (held["id"].as_str().unwrap(), held["passengers"][0]["id"].as_str().unwrap());
    let routes = writing(&fixture.guest(0).get("/openapi.json").await.expect(200));
    assert!(routes.len() >= 9, "{routes:?}");
    for (method, path) in routes {
        let path = path.replace("{id}", id).replace("{passenger_id}", passenger_id);
        let sent = Some(b"{}".to_vec());
        let answer =
            client.send(method.clone(), &format!("{path}?dry_run=true"), "application/json", sent).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.invalid(), ["dry_run"], "{method} {path}");
        assert!(answer.json["errors"][0]["parameter"].is_string(), "{method} {path}");
    }
    let close = format!("/internal/flights/{}/close?force=true", flight.id);
    let answer = fixture.service().post(&close, &json!({})).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(client.get(&format!("/api/v1/bookings/{id}")).await.expect(200), held, "nothing has happened");

    // What would be good without the parameter has no effect with it.
    let body = paid(booking(flight.id, &[passenger("ADT", "Grace", Some("4B"))]), "tok_visa");
    client.post("/api/v1/bookings?dry_run=true", &body).await.expect_problem(422, "validation_failed");
    client
        .post(&format!("/api/v1/bookings/{id}/cancel?dry_run=true"), &json!({}))
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!((fixture.count("bookings").await, fixture.count("bookings WHERE status = 0").await), (1, 1));
    fixture.stop().await;
}
