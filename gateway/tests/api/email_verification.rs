//! Verifying an address.

use crate::gateway_fixture::GatewayFixture;
use serde_json::{Value, json};
use shared::events::{AccessChange, TokenRequest};
use std::time::{Duration, Instant};
use testkit::Answer;

const REQUESTED: &str = "user.verification_requested";

async fn verify(world: &GatewayFixture, token: &str) -> Answer {
    world.client.post("/api/v1/auth/email/verify", &json!({"token": token})).await
}

async fn resend(world: &GatewayFixture, email: &str) {
    let answer = world.client.post("/api/v1/auth/email/resend", &json!({"email": email})).await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (202, 0), "{email}");
}

#[actix_web::test]
async fn the_token_of_the_first_letter_verifies_the_address_once() {
    let world = GatewayFixture::start().await;
    let user = world.register("ada@example.org").await;
    let requests: Vec<TokenRequest> = world.events(REQUESTED).await;
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (requests[0].user.id.to_string().as_str(), requests[0].user.email.as_str()),
        (user["id"].as_str().unwrap(), "ada@example.org")
    );
    let lifetime = requests[0].expires_at - chrono::Utc::now();
    assert!((1435..=1440).contains(&lifetime.num_minutes()), "{lifetime}");
    let token = world.tokens(REQUESTED).await.remove(0);
    assert_eq!(verify(&world, &token).await.status, 204);
    let user = world.log_in("ada@example.org").await["user"].clone();
    assert_eq!(user["email_verified"], true);
    let changes: Vec<AccessChange> = world.events("user.access_changed").await;
    assert_eq!(changes.len(), 1, "tokens tell whether the address is verified");

    let again = verify(&world, &token).await;
    again.expect_problem(422, "validation_failed");
    assert_eq!(again.invalid(), ["/token"]);
    world.stop().await;
}

#[actix_web::test]
async fn of_the_same_token_at_once_one_works() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let token = world.tokens(REQUESTED).await.remove(0);
    let answers = futures_util::future::join_all((0..8).map(|_| verify(&world, &token))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422, 422, 422, 422, 422, 422, 422]);
    assert_eq!(world.events::<AccessChange>("user.access_changed").await.len(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn wrong_tokens_and_bodies_are_refused() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    world.client.post("/api/v1/auth/password/forgot", &json!({"email": "ada@example.org"})).await;
    let reset = world.tokens("user.password_reset_requested").await.remove(0);
    for token in ["x", "", &"A".repeat(43), &"A".repeat(100), &reset] {
        assert_eq!(verify(&world, token).await.invalid(), ["/token"], "{token:?}");
    }
    assert!(verify(&world, "a\u{0}b").await.invalid().contains(&"/token".to_owned()));
    for (body, invalid) in [
        (json!({}), vec!["/token"]),
        (json!({"token": null}), vec!["/token"]),
        (json!({"token": 7, "email": "ada@example.org"}), vec!["/token", "/email"]),
    ] {
        let answer = world.client.post("/api/v1/auth/email/verify", &body).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.invalid(), invalid, "{body}");
    }
    for body in [json!({}), json!({"email": "nobody"}), json!({"email": 1})] {
        let answer = world.client.post("/api/v1/auth/email/resend", &body).await;
        assert_eq!(answer.invalid(), ["/email"], "{body}");
    }
    assert_eq!(world.log_in("ada@example.org").await["user"]["email_verified"], false);
    world.stop().await;
}

#[actix_web::test]
async fn a_token_ends_in_time_and_with_its_address() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    world.register("bob@example.org").await;
    let tokens = world.tokens(REQUESTED).await;
    world.run_sql("UPDATE users SET email_key = 'eve@example.org' WHERE email = 'ada@example.org'").await;
    assert_eq!(verify(&world, &tokens[0]).await.invalid(), ["/token"], "it went to another address");
    world.run_sql("UPDATE one_time_tokens SET expires_at = now() - interval '1 second'").await;
    assert_eq!(verify(&world, &tokens[1]).await.invalid(), ["/token"]);
    world.run_sql("UPDATE one_time_tokens SET expires_at = now() + interval '1 hour'").await;
    world.run_sql("UPDATE users SET status = 'deactivated' WHERE email = 'bob@example.org'").await;
    assert_eq!(verify(&world, &tokens[1]).await.invalid(), ["/token"], "nobody needs it");
    world.stop().await;
}

#[actix_web::test]
async fn a_newer_letter_takes_the_place_of_an_older_one() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    resend(&world, "ADA@example.org").await;
    let tokens = world.tokens(REQUESTED).await;
    assert_eq!(tokens.len(), 2);
    assert_eq!(verify(&world, &tokens[0]).await.invalid(), ["/token"]);
    assert_eq!(verify(&world, &tokens[1]).await.status, 204);
    let versions = "SELECT 1 FROM events a JOIN events b USING (kind, subject) WHERE a.kind = 'user.verification_requested' AND a.id < b.id AND a.version < b.version";
    assert_eq!(world.run_sql(versions).await, 1, "the newer letter has the greater version");

    // What is verified needs no letter.
    resend(&world, "ada@example.org").await;
    assert_eq!(world.tokens(REQUESTED).await.len(), 2);
    world.stop().await;
}

#[actix_web::test]
async fn an_address_gets_three_letters_an_hour() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let all = (0..6).map(|_| resend(&world, "ada@example.org"));
    futures_util::future::join_all(all).await;
    assert_eq!(world.tokens(REQUESTED).await.len(), 4, "that of the registration, and three");
    world.run_sql("UPDATE letter_requests SET since = since - interval '1 hour'").await;
    resend(&world, "ada@example.org").await;
    assert_eq!(world.tokens(REQUESTED).await.len(), 5);
    world.stop().await;
}

#[actix_web::test]
async fn nothing_tells_which_addresses_have_accounts() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    world.register("bob@example.org").await;
    world.run_sql("UPDATE users SET status = 'deactivated' WHERE email = 'bob@example.org'").await;
    for path in ["/api/v1/auth/email/resend", "/api/v1/auth/password/forgot"] {
        for email in ["ada@example.org", "bob@example.org", "nobody@example.org"] {
            // Beyond the limit too.
            for _ in 0..4 {
                let began = Instant::now();
                let answer = world.client.post(path, &json!({"email": email})).await;
                assert_eq!((answer.status.as_u16(), &answer.json), (202, &Value::Null), "{path} {email}");
                assert!(began.elapsed() >= Duration::from_millis(200), "{path} {email}");
            }
        }
    }
    let counted = "SELECT 1 FROM letter_requests WHERE requests = 4";
    assert_eq!(world.run_sql(counted).await, 6, "every address costs the same");
    assert_eq!(world.tokens(REQUESTED).await.len(), 2 + 3);
    assert_eq!(world.tokens("user.password_reset_requested").await.len(), 3);
    world.stop().await;
}
