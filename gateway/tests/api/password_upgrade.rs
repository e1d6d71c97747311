//! Hashes of passwords that change while they are used.

use crate::gateway_fixture::{GatewayFixture, PASSWORD, config, instance};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use serde_json::json;
use shared::events::AccessChange;
use std::time::Duration;
use testkit::Client;

/// Longer than anything here takes: a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Ready once a query gives a row.
async fn until(world: &GatewayFixture, query: &str) {
    let mut connection = world.sql().await;
    let asked = async { while diesel::sql_query(query).execute(&mut connection).await.unwrap() == 0 {} };
    tokio::time::timeout(DEADLINE, asked).await.expect(query);
}

#[actix_web::test]
async fn a_login_raises_the_cost_of_a_hash_and_ends_nothing() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let session = world.log_in("ada@example.org").await;
    let (dearer, _) = instance(gateway::config::Config { bcrypt_cost: 5, ..config(&world.database) }).await;
    let client = Client::new(format!("http://{}", dearer.address));
    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let _ = client.post("/api/v1/auth/login", &body).await.expect(200);
    until(&world, "SELECT 1 FROM users WHERE email = 'ada@example.org' AND password_hash LIKE '$2_$05$%'")
        .await;

    let _ = client.post("/api/v1/auth/login", &body).await.expect(200);
    let _ = world.log_in("ada@example.org").await;
    let _ = world.refresh(&session).await.expect(200);
    assert_eq!(world.events::<AccessChange>("user.access_changed").await, []);
    dearer.stop().await;
    world.stop().await;
}

#[actix_web::test]
async fn a_login_with_a_password_that_is_being_changed_starts_no_session() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let hash = bcrypt::hash("battery staple", 4).unwrap();
    let mut change = world.sql().await;
    let update = format!("BEGIN; UPDATE users SET password_hash = '{hash}' WHERE email = 'ada@example.org'");
    change.batch_execute(&update).await.unwrap();
    let changed = async {
        // The password was right, and the login waits for the end of the change.
        until(
            &world,
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await;
        change.batch_execute("COMMIT").await.unwrap();
    };
    let (login, ()) =
        futures_util::future::join(world.try_log_in("ada@example.org", PASSWORD), changed).await;
    login.expect_problem(401, "invalid_credentials");
    assert_eq!(world.run_sql("SELECT 1 FROM sessions").await, 0);
    let _ = world.try_log_in("ada@example.org", "battery staple").await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn a_hash_that_is_replaced_meanwhile_by_one_of_the_same_password_refuses_nobody() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let mut change = world.sql().await;
    let update = format!("BEGIN; UPDATE users SET password_hash = '{hash}' WHERE email = 'ada@example.org'");
    change.batch_execute(&update).await.unwrap();
    let changed = async {
        until(
            &world,
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await;
        change.batch_execute("COMMIT").await.unwrap();
    };
    let (login, ()) =
        futures_util::future::join(world.try_log_in("ada@example.org", PASSWORD), changed).await;
    let _ = login.expect(200);
    world.stop().await;
}
