//! A new password by letter.

use crate::{
    gateway_fixture::{GatewayFixture, PASSWORD},
    totp::switch_on,
};
use serde_json::{Value, json};
use shared::events::{AccessChange, AlertReason, SessionAlert, SessionEnd};
use testkit::Answer;

const REQUESTED: &str = "user.password_reset_requested";
const NEW: &str = "battery staple";

/// Has a letter sent; gives its token.
async fn forgot(world: &GatewayFixture, email: &str) -> String {
    let answer = world.client.post("/api/v1/auth/password/forgot", &json!({"email": email})).await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (202, 0));
    world.tokens(REQUESTED).await.pop().expect("a letter")
}

async fn reset(world: &GatewayFixture, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    world.client.post("/api/v1/auth/password/reset", &body).await
}

#[actix_web::test]
async fn a_reset_sets_the_password_and_ends_all_that_was_there_before() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let sessions = [world.log_in("ada@example.org").await, world.log_in("ada@example.org").await];
    let verification = world.tokens("user.verification_requested").await.remove(0);
    let token = forgot(&world, "Ada@example.org").await;
    assert_eq!(reset(&world, &token, NEW).await.status, 204);

    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(401, "invalid_credentials");
    let user = world.try_log_in("ada@example.org", NEW).await.expect(200)["user"].clone();
    assert_eq!(user["email_verified"], true, "the letter was read at the address");
    for session in &sessions {
        world.refresh(session).await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(world.events::<SessionEnd>("session.ended").await.len(), 2);
    assert_eq!(world.events::<AccessChange>("user.access_changed").await.len(), 1);
    let alerts: Vec<SessionAlert> = world.events("session.alert").await;
    let alert = alerts.iter().find(|alert| alert.reason == AlertReason::PasswordChanged).expect("an alert");
    assert_eq!((alert.user.email.as_str(), alert.address.as_deref()), ("ada@example.org", Some("127.0.0.1")));

    assert_eq!(reset(&world, &token, "yet another one").await.invalid(), ["/token"]);
    let verified = world.client.post("/api/v1/auth/email/verify", &json!({"token": verification})).await;
    assert_eq!(verified.invalid(), ["/token"], "the address is verified already");
    world.stop().await;
}

/// Whether a program with this key is let in.
async fn lets_in(world: &GatewayFixture, key: &Value) -> bool {
    // What ended is known on this instance.
    world.drain().await;
    let program = world.client.with_token(key["key"].as_str().unwrap());
    program.get("/api/v1/users/me").await.status == 200
}

/// Somebody may register the address of another, and wait for the owner to take the account.
#[actix_web::test]
async fn a_reset_by_letter_leaves_nothing_to_somebody_who_had_the_account_before() {
    let world = GatewayFixture::start().await;
    let thief = world.customer("ada@example.org").await;
    let key = json!({"name": "a way back", "permissions": []});
    let key = thief.post("/api/v1/users/me/api-keys", &key).await.expect(201);
    assert!(lets_in(&world, &key).await);
    switch_on(&thief).await;
    let token = forgot(&world, "ada@example.org").await;
    assert_eq!(reset(&world, &token, NEW).await.status, 204);

    assert!(!lets_in(&world, &key).await);
    for table in ["api_keys", "known_devices", "totp_factors", "recovery_codes"] {
        assert_eq!(world.run_sql(&format!("SELECT 1 FROM {table}")).await, 0, "{table}");
    }
    let _ = world.try_log_in("ada@example.org", NEW).await.expect(200);
    let alerts: Vec<SessionAlert> = world.events("session.alert").await;
    let reasons: Vec<_> = alerts.iter().rev().take(3).rev().map(|alert| alert.reason).collect();
    assert_eq!(
        reasons,
        [AlertReason::PasswordChanged, AlertReason::ApiKeysChanged, AlertReason::TotpChanged]
    );
    world.stop().await;
}

/// Who reads the letters of an owner must not come in by that alone.
#[actix_web::test]
async fn a_reset_leaves_the_second_factor_of_a_verified_address() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    world.verify("ada@example.org").await;
    switch_on(&ada).await;
    let key = json!({"name": "nightly report", "permissions": []});
    let key = ada.post("/api/v1/users/me/api-keys", &key).await.expect(201);
    let token = forgot(&world, "ada@example.org").await;
    assert_eq!(reset(&world, &token, NEW).await.status, 204);
    assert!(!lets_in(&world, &key).await);
    let missing = world.try_log_in("ada@example.org", NEW).await;
    missing.expect_problem(401, "invalid_credentials");
    assert_eq!(missing.json["totp_required"], true);
    world.stop().await;
}

#[actix_web::test]
async fn a_change_of_the_password_keeps_api_keys() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let key = json!({"name": "nightly report", "permissions": []});
    let key = ada.post("/api/v1/users/me/api-keys", &key).await.expect(201);
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    assert_eq!(ada.post("/api/v1/users/me/password", &change).await.status, 204);
    assert!(lets_in(&world, &key).await);
    world.stop().await;
}

#[actix_web::test]
async fn of_resets_at_once_one_works() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let token = forgot(&world, "ada@example.org").await;
    let passwords: Vec<String> = (0..6).map(|number| format!("battery staple {number}")).collect();
    let answers =
        futures_util::future::join_all(passwords.iter().map(|password| reset(&world, &token, password)));
    let answers = answers.await;
    let (done, refused): (Vec<_>, Vec<_>) =
        answers.iter().zip(&passwords).partition(|(answer, _)| answer.status == 204);
    assert_eq!((done.len(), refused.len()), (1, 5));
    assert!(refused.iter().all(|(answer, _)| answer.invalid() == ["/token"]));
    let _ = world.try_log_in("ada@example.org", done[0].1).await.expect(200);
    assert_eq!(world.events::<SessionAlert>("session.alert").await.len(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn bad_passwords_and_tokens_are_told_and_use_nothing_up() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let token = forgot(&world, "ada@example.org").await;
    for password in ["short", &"x".repeat(72), &"\u{1f6eb}".repeat(18), "1q2w3e4r5t", "Password123"] {
        assert_eq!(reset(&world, &token, password).await.invalid(), ["/password"], "{password:?}");
        assert_eq!(
            reset(&world, "nonsense", password).await.invalid(),
            ["/token", "/password"],
            "{password:?}"
        );
    }
    let nul = reset(&world, "a\u{0}", "ten chars\u{0}!").await.invalid();
    assert!(["/token", "/password"].iter().all(|pointer| nul.contains(&(*pointer).to_owned())), "{nul:?}");
    let unknown = "A".repeat(43);
    let verification = world.tokens("user.verification_requested").await.remove(0);
    for wrong in [unknown.as_str(), "", &verification] {
        let answer = reset(&world, wrong, NEW).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.invalid(), ["/token"], "{wrong:?}");
    }
    let answer = world.client.post("/api/v1/auth/password/reset", &json!({"code": 1})).await;
    assert_eq!(answer.invalid(), ["/token", "/password", "/code"]);
    let _ = world.log_in("ada@example.org").await;
    assert_eq!(reset(&world, &token, NEW).await.status, 204, "it is still good");
    world.stop().await;
}

#[actix_web::test]
async fn a_token_ends_in_time_and_with_the_next_letter() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (first, second) = (forgot(&world, "ada@example.org").await, forgot(&world, "ada@example.org").await);
    assert_eq!(reset(&world, &first, NEW).await.invalid(), ["/token"]);
    let late = "UPDATE one_time_tokens SET expires_at = now() - interval '1 second' WHERE purpose = 'reset_password' AND expires_at < now() + interval '1 hour'";
    assert_eq!(world.run_sql(late).await, 1);
    assert_eq!(reset(&world, &second, NEW).await.invalid(), ["/token"]);
    let _ = world.log_in("ada@example.org").await;
    world.stop().await;
}

#[actix_web::test]
async fn an_account_without_a_password_gets_one() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    world.run_sql("UPDATE users SET password_hash = NULL WHERE email = 'ada@example.org'").await;
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(401, "invalid_credentials");
    let token = forgot(&world, "ada@example.org").await;
    assert_eq!(reset(&world, &token, NEW).await.status, 204);
    let _ = world.try_log_in("ada@example.org", NEW).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn a_reset_forgets_failed_logins() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let token = forgot(&world, "ada@example.org").await;
    // One after the other until no more are let through.
    while world.try_log_in("ada@example.org", "wrong password").await.code() != "account_locked" {}
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(429, "account_locked");
    assert_eq!(reset(&world, &token, NEW).await.status, 204);
    let _ = world.try_log_in("ada@example.org", NEW).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn the_database_holds_no_usable_token() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let token = forgot(&world, "ada@example.org").await;
    let digest = BASE64_URL_SAFE_NO_PAD
        .encode(<sha2::Sha256 as sha2::Digest>::digest(BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap()));
    assert_eq!(
        world
            .run_sql(&format!(
                "SELECT 1 FROM one_time_tokens WHERE encode(digest, 'base64') = '{}'",
                base64::prelude::BASE64_STANDARD.encode(BASE64_URL_SAFE_NO_PAD.decode(&digest).unwrap())
            ))
            .await,
        1
    );
    assert_eq!(reset(&world, &digest, NEW).await.invalid(), ["/token"]);
    world.stop().await;
}
