//! Alerts about logins from devices that were not used before.

use crate::gateway_fixture::{GatewayFixture, PASSWORD};
use serde_json::json;
use shared::events::{AlertReason, SessionAlert};

async fn log_in_with(world: &GatewayFixture, program: &str) {
    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let client = world.client.with_header("user-agent", program);
    let _ = client.post("/api/v1/auth/login", &body).await.expect(200);
}

#[actix_web::test]
async fn a_login_from_a_new_device_alerts_but_not_the_first_one() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    log_in_with(&world, "Firefox/140.0").await;
    log_in_with(&world, "Firefox/141.0").await;
    let alerts = async || world.events::<SessionAlert>("session.alert").await;
    assert_eq!(alerts().await, []);

    log_in_with(&world, "Chrome/131.0").await;
    log_in_with(&world, "Chrome/132.0").await;
    let told = alerts().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].reason, told[0].user.email.as_str()), (AlertReason::NewDevice, "ada@example.org"));
    assert_eq!(
        (told[0].user_agent.as_deref(), told[0].address.as_deref()),
        (Some("Chrome/131.0"), Some("127.0.0.1"))
    );

    // What was not used for long is forgotten.
    world
        .run_sql("UPDATE known_devices SET last_at = last_at - interval '91 days' WHERE program = 'Firefox'")
        .await;
    log_in_with(&world, "Firefox/150.0").await;
    assert_eq!(alerts().await.len(), 2);
    world.stop().await;
}

/// An account can be made for any address, and its user can cause as many alerts as wanted.
#[actix_web::test]
async fn an_account_gets_ten_alerts_an_hour() {
    const KEYS: &str = "/api/v1/users/me/api-keys";
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let key = json!({"name": "again and again", "permissions": []});
    for _ in 0..6 {
        let answer = ada.post(KEYS, &key).await;
        assert_eq!(answer.status, 201);
        assert_eq!(ada.delete(answer.header("location")).await.status, 204);
    }
    log_in_with(&world, "Chrome/131.0").await;
    let alerts = async || world.events::<SessionAlert>("session.alert").await.len();
    assert_eq!(alerts().await, 10);
    // Another account has ten of its own.
    world.customer("grace@example.org").await.post(KEYS, &key).await.expect(201);
    assert_eq!(alerts().await, 11);
    let later =
        "UPDATE letter_requests SET since = since - interval '1 hour' WHERE purpose = 'session_alert'";
    assert_eq!(world.run_sql(later).await, 2);
    let _ = ada.post(KEYS, &key).await.expect(201);
    assert_eq!(alerts().await, 12);
    world.stop().await;
}

#[actix_web::test]
async fn a_wrong_password_alerts_nobody() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let _ = world.log_in("ada@example.org").await;
    let client = world.client.with_header("user-agent", "Chrome/131.0");
    let body = json!({"email": "ada@example.org", "password": "wrong password"});
    client.post("/api/v1/auth/login", &body).await.expect_problem(401, "invalid_credentials");
    assert_eq!(world.events::<SessionAlert>("session.alert").await, []);
    world.stop().await;
}
