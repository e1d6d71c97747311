use crate::gateway_fixture::GatewayFixture;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use diesel::{QueryableByName, sql_types::Binary};
use diesel_async::RunQueryDsl;
use serde_json::json;
use shared::{
    auth::Claims,
    events::{AlertReason, SessionAlert},
};

/// Makes it look as if the rotations of the past had happened before the 10 seconds.
const LATER: &str = "UPDATE refresh_tokens SET rotated_at = rotated_at - interval '11 seconds'";

#[actix_web::test]
async fn a_refresh_gives_the_next_tokens() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(first["expires_in"], 900);
    let answer = world.refresh(&first).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let second = answer.expect(200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["user"], first["user"]);
    let third = world.refresh(&second).await.expect(200);
    let me = world.client.with_token(third["access_token"].as_str().unwrap()).get("/api/v1/users/me").await;
    assert_eq!(me.expect(200), first["user"]);
    world.stop().await;
}

#[actix_web::test]
async fn the_same_token_at_once_gives_the_same_successor() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    let answers = futures_util::future::join_all((0..8).map(|_| world.refresh(&first))).await;
    let successors: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.expect(200)["refresh_token"].as_str().unwrap().to_owned())
        .collect();
    assert!(successors.iter().all(|successor| *successor == successors[0]), "{successors:?}");
    // The repetition has cost nothing: the successor is good.
    let _ = world.refresh(&json!({"refresh_token": successors[0]})).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn a_token_used_again_later_ends_the_session() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (first, other) = (world.log_in("ada@example.org").await, world.log_in("ada@example.org").await);
    let second = world.refresh(&first).await.expect(200);
    world.run_sql(LATER).await;
    let answer = world.refresh(&first).await;
    answer.expect_problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    world.refresh(&second).await.expect_problem(401, "unauthenticated");
    let alerts: Vec<SessionAlert> = world.events("session.alert").await;
    assert_eq!(
        alerts.iter().map(|alert| alert.reason).collect::<Vec<_>>(),
        [AlertReason::RefreshTokenReused]
    );
    assert_eq!(
        (alerts[0].user.email.as_str(), alerts[0].address.as_deref()),
        ("ada@example.org", Some("127.0.0.1"))
    );
    // Another session of the same user goes on.
    let _ = world.refresh(&other).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn an_expired_token_is_refused_and_ends_nothing() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    world.run_sql("UPDATE refresh_tokens SET expires_at = now() - interval '1 second'").await;
    world.refresh(&first).await.expect_problem(401, "unauthenticated");
    assert_eq!(world.run_sql("SELECT 1 FROM sessions WHERE revoked_at IS NULL").await, 1);
    world.stop().await;
}

#[actix_web::test]
async fn a_logout_ends_the_session() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    let second = world.refresh(&first).await.expect(200);
    for _ in 0..2 {
        let body = json!({"refresh_token": second["refresh_token"]});
        assert_eq!(world.client.post("/api/v1/auth/logout", &body).await.status, 204);
    }
    world.refresh(&second).await.expect_problem(401, "unauthenticated");
    world.refresh(&first).await.expect_problem(401, "unauthenticated");
    let unknown = json!({"refresh_token": "nobody's"});
    assert_eq!(world.client.post("/api/v1/auth/logout", &unknown).await.status, 204);
    world.client.post("/api/v1/auth/refresh", &unknown).await.expect_problem(401, "unauthenticated");
    let answer = world.client.post("/api/v1/auth/refresh", &json!({"refresh_token": 1, "token": "x"})).await;
    assert_eq!(answer.invalid(), ["/refresh_token", "/token"]);
    world.stop().await;
}

#[actix_web::test]
async fn a_closed_account_gets_no_tokens() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let tokens = world.log_in("ada@example.org").await;
    world.run_sql("UPDATE users SET status = 'deactivated' WHERE email = 'ada@example.org'").await;
    world.refresh(&tokens).await.expect_problem(401, "unauthenticated");
    world
        .try_log_in("ada@example.org", crate::gateway_fixture::PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    ada.get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
    world.stop().await;
}

#[derive(QueryableByName)]
struct Secrets {
    #[diesel(sql_type = Binary)]
    bytes: Vec<u8>,
}

#[actix_web::test]
async fn the_database_holds_no_usable_token() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    let _ = world.refresh(&first).await.expect(200);
    let query = "SELECT digest AS bytes FROM refresh_tokens UNION ALL \
                 SELECT sealed_successor FROM refresh_tokens WHERE sealed_successor IS NOT NULL";
    let rows: Vec<Secrets> = diesel::sql_query(query).load(&mut world.sql().await).await.unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let token = BASE64_URL_SAFE_NO_PAD.encode(row.bytes);
        world.refresh(&json!({"refresh_token": token})).await.expect_problem(401, "unauthenticated");
    }
    // A seal is dropped as soon as it may no longer be asked for.
    let second = world.refresh(&first).await.expect(200);
    world.run_sql(LATER).await;
    let _ = world.refresh(&second).await.expect(200);
    assert_eq!(world.run_sql("SELECT 1 FROM refresh_tokens WHERE sealed_successor IS NOT NULL").await, 1);
    world.stop().await;
}

#[actix_web::test]
async fn a_session_ends_ninety_days_after_its_login() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    let ends = "SELECT 1 FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id WHERE t.rotated_at IS NULL \
                AND s.expires_at = t.expires_at AND s.expires_at BETWEEN ";
    let in_days = |from: i32, to: i32| {
        format!("{ends} now() + interval '{from} days' AND now() + interval '{to} days'")
    };
    assert_eq!(world.run_sql(&in_days(29, 30)).await, 1);
    world.run_sql("UPDATE sessions SET created_at = created_at - interval '80 days'").await;
    let second = world.refresh(&first).await.expect(200);
    assert_eq!(world.run_sql(&in_days(9, 10)).await, 1);
    // An access token ends with its session.
    world
        .run_sql("UPDATE sessions SET created_at = created_at - interval '10 days' + interval '5 minutes'")
        .await;
    let last = world.refresh(&second).await.expect(200);
    let token = last["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
    let seconds = last["expires_in"].as_i64().unwrap();
    assert!((200..=300).contains(&seconds), "{seconds}");
    assert_eq!(claims.exp - claims.iat, seconds);
    // As an earlier release left them, which did not know of this end.
    world.run_sql("UPDATE sessions SET created_at = created_at - interval '5 minutes'").await;
    world.refresh(&last).await.expect_problem(401, "unauthenticated");
    world.stop().await;
}
