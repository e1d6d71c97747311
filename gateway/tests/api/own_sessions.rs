//! `/users/me/sessions` and `/users/me/password`.

use crate::gateway_fixture::{GatewayFixture, PASSWORD};
use serde_json::{Value, json};
use testkit::Client;

const SESSIONS: &str = "/api/v1/users/me/sessions";
const CHANGE: &str = "/api/v1/users/me/password";
const NEW_PASSWORD: &str = "battery staple";

/// Logs in with a device; gives the client and its tokens.
async fn device(world: &GatewayFixture, user_agent: &str) -> (Client, Value) {
    let client = world.client.with_header("user-agent", user_agent);
    let login = json!({"email": "ada@example.org", "password": PASSWORD});
    let tokens = client.post("/api/v1/auth/login", &login).await.expect(200);
    (client.with_token(tokens["access_token"].as_str().unwrap()), tokens)
}

#[actix_web::test]
async fn a_user_sees_and_ends_sessions() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (phone, phone_tokens) = device(&world, "Phone/1.0").await;
    let (desk, desk_tokens) = device(&world, &"D".repeat(300)).await;
    let answer = desk.get(SESSIONS).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let sessions = answer.expect(200)["data"].clone();
    let told = |index: usize, member: &str| sessions[index][member].clone();
    assert_eq!((told(0, "user_agent"), told(1, "user_agent")), (json!("D".repeat(200)), json!("Phone/1.0")));
    assert_eq!((told(0, "address"), told(0, "current")), (json!("127.0.0.1"), json!(true)));
    assert_eq!(told(1, "current"), json!(false));
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let first = phone.get(&format!("{SESSIONS}?limit=1")).await.expect(200);
    let next = first["page"]["next"].as_str().unwrap();
    let second = phone.get(&format!("{SESSIONS}?limit=1&after={next}")).await.expect(200);
    assert_eq!((&second["data"][0]["id"], &second["data"][0]["current"]), (&told(1, "id"), &json!(true)));

    // A refresh from elsewhere is the last use.
    let elsewhere = world.client.with_header("user-agent", "Tablet/2.0");
    let body = json!({"refresh_token": phone_tokens["refresh_token"]});
    let _ = elsewhere.post("/api/v1/auth/refresh", &body).await.expect(200);
    let sessions = desk.get(SESSIONS).await.expect(200);
    let used = &sessions["data"][1];
    assert_eq!((&used["user_agent"], &used["created_at"]), (&json!("Tablet/2.0"), &told(1, "created_at")));
    assert!(used["last_used_at"].as_str() > told(1, "last_used_at").as_str());

    let path = format!("{SESSIONS}/{}", told(1, "id").as_str().unwrap());
    for _ in 0..2 {
        desk.delete(&path).await.expect(204);
    }
    assert_eq!(desk.get(SESSIONS).await.expect(200)["data"].as_array().unwrap().len(), 1);
    world.refresh(&phone_tokens).await.expect_problem(401, "unauthenticated");
    let _ = world.refresh(&desk_tokens).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn anothers_session_is_nowhere() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (ada, tokens) = device(&world, "Phone/1.0").await;
    let eve = world.customer("eve@example.org").await;
    let id = ada.get(SESSIONS).await.expect(200)["data"][0]["id"].clone();
    eve.delete(&format!("{SESSIONS}/{}", id.as_str().unwrap())).await.expect_problem(404, "not_found");
    eve.delete(&format!("{SESSIONS}/x")).await.expect_problem(404, "not_found");
    assert_eq!(eve.get(&format!("{SESSIONS}?status=all")).await.invalid(), ["status"]);
    world.client.get(SESSIONS).await.expect_problem(401, "unauthenticated");
    let _ = world.refresh(&tokens).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn a_user_logs_out_everywhere() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (_, phone) = device(&world, "Phone/1.0").await;
    let (desk, tokens) = device(&world, "Desk/1.0").await;
    desk.delete(SESSIONS).await.expect(204);
    for tokens in [phone, tokens] {
        world.refresh(&tokens).await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(world.events::<Value>("session.ended").await.len(), 2);
    world.stop().await;
}

#[actix_web::test]
async fn a_new_password_ends_the_other_sessions() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (_, phone) = device(&world, "Phone/1.0").await;
    let (desk, tokens) = device(&world, "Desk/1.0").await;
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    desk.post(CHANGE, &body).await.expect(204);
    world.refresh(&phone).await.expect_problem(401, "unauthenticated");
    let _ = world.refresh(&tokens).await.expect(200);
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(401, "invalid_credentials");
    let _ = world.try_log_in("ada@example.org", NEW_PASSWORD).await.expect(200);
    assert_eq!(world.events::<Value>("user.access_changed").await.len(), 1);
    let alerts = world.events::<Value>("session.alert").await;
    let changed: Vec<_> = alerts.iter().filter(|alert| alert["reason"] == "password_changed").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["user_agent"], "Desk/1.0");
    world.stop().await;
}

#[actix_web::test]
async fn a_wrong_present_password_counts_like_a_failed_login() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (desk, _) = device(&world, "Desk/1.0").await;
    let wrong = json!({"current_password": "wrong password", "new_password": NEW_PASSWORD});
    let answer = desk.post(CHANGE, &wrong).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/current_password"]);
    let bad = json!({"current_password": "x".repeat(72), "new_password": "short", "old": 1});
    assert_eq!(desk.post(CHANGE, &bad).await.invalid(), ["/current_password", "/new_password", "/old"]);
    let nul = json!({"current_password": PASSWORD, "new_password": "with a \u{0}NUL"});
    assert!(desk.post(CHANGE, &nul).await.invalid().contains(&"/new_password".to_owned()));
    world.client.post(CHANGE, &wrong).await.expect_problem(401, "unauthenticated");
    let counted = "UPDATE login_failures SET locked_until = now() + interval '10 minutes' WHERE failures = 1";
    assert_eq!(world.run_sql(counted).await, 3, "the network, the account, and both together");
    let right = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    desk.post(CHANGE, &right).await.expect_problem(429, "account_locked");
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(429, "account_locked");
    world.stop().await;
}

#[actix_web::test]
async fn of_two_changes_at_once_one_knows_the_present_password() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (desk, _) = device(&world, "Desk/1.0").await;
    let change = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
    let (one, other) = (change("battery staple one"), change("battery staple two"));
    let (one, other) = futures_util::join!(desk.post(CHANGE, &one), desk.post(CHANGE, &other));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    // The access token of the second may have ended by then.
    assert!(statuses == [204, 422] || statuses == [204, 401], "{statuses:?}");
    world.stop().await;
}
