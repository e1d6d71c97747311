//! `GET /users/me/export` and `DELETE /users/me`.

use crate::{
    fake_people::FakePeople,
    gateway_fixture::{ADMIN, GatewayFixture, PASSWORD, config, instance},
};
use awc::http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client};

const EXPORT: &str = "/api/v1/users/me/export";
const ME: &str = "/api/v1/users/me";

/// A gateway before services that know people.
async fn world() -> (GatewayFixture, FakePeople) {
    let people = FakePeople::start();
    let url = people.url.clone();
    let world = GatewayFixture::start_with(|config| {
        config.booking_urls = vec![url.clone()];
        config.mailer_urls = vec![url];
    });
    (world.await, people)
}

async fn delete(client: &Client, body: &Value) -> Answer {
    client.send(Method::DELETE, ME, "application/json", Some(body.to_string().into_bytes())).await
}

#[actix_web::test]
async fn an_export_holds_what_all_services_keep() {
    let (world, people) = world().await;
    let ada = world.customer("Ada@example.org").await;
    world.verify("ada@example.org").await;
    let me = ada.get(ME).await.expect(200);
    let act = "INSERT INTO audit.audit_log (id, at, actor, action, subject, before, request_id)";
    let values = format!(
        "VALUES (gen_random_uuid(), now(), '{}', 'city.change', 'city/LON', '{{}}', 'r')",
        me["id"].as_str().unwrap()
    );
    assert_eq!(world.run_sql(&format!("{act} {values}")).await, 1);
    let key = json!({"name": "the laptop", "permissions": []});
    let key = ada.post("/api/v1/users/me/api-keys", &key).await.expect(201);
    let answer = ada.get(EXPORT).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert!(answer.header("content-disposition").starts_with("attachment"));
    let export = answer.expect(200);
    assert_eq!(export["user"], me);
    assert_eq!(
        (&export["audit"][0]["subject"], &export["audit"][0]["before"]),
        (&json!("city/LON"), &Value::Null)
    );
    assert_eq!(export["sessions"][0]["current"], true);
    assert_eq!(export["second_factor_since"], Value::Null);
    assert_eq!(export["known_devices"][0]["network"], "127.0.0.1");
    assert_eq!(export["api_keys"], ada.get("/api/v1/users/me/api-keys").await.expect(200)["data"]);
    assert!(!export.to_string().contains(key["key"].as_str().unwrap()), "no text of a key");
    let ids =
        |list: &Value| list.as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&export["bookings"]), people.bookings());
    assert_eq!(export["letters"], json!([{"id": "letter"}]));
    let calls = people.calls();
    let user = export["user"]["id"].as_str().unwrap();
    assert_eq!(calls[0]["path"], format!("/internal/users/{user}/bookings?limit=200"));
    assert_eq!(calls[1]["path"], format!("/internal/users/{user}/bookings?limit=200&after=next"));
    let mut subjects = people.bookings();
    subjects.push(json!(user));
    assert_eq!(calls[2]["body"], json!({"email": "Ada@example.org", "subjects": subjects}));
    assert!(!export.to_string().contains("$2"), "no hash of a password");
    assert_eq!(ada.get(&format!("{EXPORT}?all=1")).await.invalid(), ["all"]);
    world.client.get(EXPORT).await.expect_problem(401, "unauthenticated");
    world.stop().await;
    people.stop().await;
}

/// Anybody can open an account for the address of a stranger, who has letters about bookings without an account.
#[actix_web::test]
async fn an_address_that_was_never_verified_gives_no_letters_and_erases_none() {
    let (world, people) = world().await;
    let registered = world.register("stranger@example.org").await;
    let tokens = world.log_in("stranger@example.org").await;
    let thief = world.client.with_token(tokens["access_token"].as_str().unwrap());
    let _ = thief.get(EXPORT).await.expect(200);
    delete(&thief, &json!({"password": PASSWORD})).await.expect(204);
    let mut subjects = people.bookings();
    subjects.push(registered["id"].clone());
    let calls = people.calls();
    let of_letters: Vec<_> =
        calls.iter().filter(|call| call["path"].as_str().unwrap().starts_with("/internal/letters")).collect();
    assert_eq!(of_letters.len(), 2);
    for call in of_letters {
        assert_eq!((&call["body"]["email"], &call["body"]["subjects"]), (&Value::Null, &json!(subjects)));
    }
    assert_eq!(world.run_sql("SELECT 1 FROM erasures WHERE email IS NULL").await, 1);
    world.stop().await;
    people.stop().await;
}

#[actix_web::test]
async fn an_export_is_never_incomplete() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let answer = ada.get(EXPORT).await;
    answer.expect_problem(503, "upstream_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    delete(&ada, &json!({"password": PASSWORD})).await.expect_problem(503, "upstream_unavailable");
    let _ = world.log_in("ada@example.org").await;
    world.stop().await;
}

#[actix_web::test]
async fn two_exports_are_made_at_the_same_time() {
    let (world, mut people) = world().await;
    let ada = world.customer("ada@example.org").await;
    people.set_answers(false);
    let others = async {
        people.heard().await;
        people.heard().await;
        let refused = ada.get(EXPORT).await;
        refused.expect_problem(503, "overloaded");
        assert_eq!(refused.header("retry-after"), "5");
        people.set_answers(true);
    };
    let (first, second, ()) = futures_util::join!(ada.get(EXPORT), ada.get(EXPORT), others);
    let _ = (first.expect(200), second.expect(200), ada.get(EXPORT).await.expect(200));
    world.stop().await;
    people.stop().await;
}

#[actix_web::test]
async fn a_deleted_account_is_gone_and_may_be_made_anew() {
    let (world, people) = world().await;
    let registered = world.register("ada@example.org").await;
    world.verify("ada@example.org").await;
    let tokens = world.log_in("ada@example.org").await;
    let ada = world.client.with_token(tokens["access_token"].as_str().unwrap());
    delete(&ada, &json!({"password": PASSWORD})).await.expect(204);
    let user = registered["id"].as_str().unwrap();
    let calls = people.calls();
    assert_eq!(calls[0]["path"], format!("/internal/users/{user}/erase"));
    assert_eq!(calls[1]["path"], "/internal/letters/erase");
    let mut subjects = people.bookings();
    subjects.push(json!(user));
    let before = &calls[1]["body"]["before"];
    assert_eq!(calls[1]["body"], json!({"email": "ada@example.org", "before": before, "subjects": subjects}));
    assert!(before.is_string(), "later letters to the address may be another's");

    world.refresh(&tokens).await.expect_problem(401, "unauthenticated");
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(401, "invalid_credentials");
    assert_eq!(ada.get(ME).await.status, 401);
    assert_eq!(world.events::<Value>("session.ended").await.len(), 1);
    assert_eq!(world.events::<Value>("user.access_changed").await.len(), 1);
    let admin = world.admin().await;
    admin.get(&format!("/api/v1/admin/users/{user}")).await.expect_problem(404, "not_found");
    assert_ne!(world.register("ada@example.org").await["id"], registered["id"]);
    world.stop().await;
    people.stop().await;
}

#[actix_web::test]
async fn a_deletion_needs_the_password_and_no_bookings_ahead() {
    let (world, people) = world().await;
    let ada = world.customer("ada@example.org").await;
    let wrong = delete(&ada, &json!({"password": "wrong password"})).await;
    wrong.expect_problem(422, "validation_failed");
    assert_eq!(wrong.invalid(), ["/password"]);
    assert_eq!(delete(&ada, &json!({"pass": 1})).await.invalid(), ["/password", "/pass"]);
    assert_eq!(people.calls(), Vec::<Value>::new());
    people.set_ahead(true);
    let refused = delete(&ada, &json!({"password": PASSWORD})).await;
    refused.expect_problem(409, "conflict");
    assert_eq!(refused.json["refers"], json!(["bookings/x"]));
    assert_eq!(people.calls().len(), 1, "no letter is erased");
    people.set_ahead(false);
    let body = json!({"password": PASSWORD});
    let both = futures_util::join!(delete(&ada, &body), delete(&ada, &body));
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401]);
    let admin = world.admin().await;
    let last = delete(&admin, &json!({"password": PASSWORD})).await;
    last.expect_problem(409, "conflict");
    assert_eq!(last.json["refers"], json!(["roles/admin"]));
    let _ = world.log_in(ADMIN).await;
    world.stop().await;
    people.stop().await;
}

#[actix_web::test]
async fn what_came_at_the_last_moment_is_erased_later() {
    let (world, mut people) = world().await;
    let ada = world.customer("ada@example.org").await;
    world.verify("ada@example.org").await;
    delete(&ada, &json!({"password": PASSWORD})).await.expect(204);
    assert_eq!(people.calls().len(), 2);
    assert_eq!(
        world.run_sql("SELECT 1 FROM erasures WHERE next_attempt_at > now() + interval '19 minutes'").await,
        1
    );
    // 20 minutes later an instance asks again, and when all is erased it forgets the address.
    world.run_sql("UPDATE erasures SET next_attempt_at = now()").await;
    people.heard().await;
    people.heard().await;
    let mut other = config(&world.database);
    other.booking_urls = vec![people.url.clone()];
    other.mailer_urls = vec![people.url.clone()];
    let (other, _) = instance(other).await;
    people.heard().await;
    people.heard().await;
    // It ends its run before it stops.
    other.stop().await;
    let paths: Vec<_> =
        people.calls()[2..].iter().map(|call| call["path"].as_str().unwrap().to_owned()).collect();
    assert!(paths[0].ends_with("/erase") && paths[1] == "/internal/letters/erase", "{paths:?}");
    // To the microsecond, as the database keeps it: the deletion, and not the time of the follow-up.
    let deleted_at = |call: usize| {
        let before = people.calls()[call]["body"]["before"].as_str().unwrap().to_owned();
        before.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros()
    };
    assert_eq!(deleted_at(1), deleted_at(3));
    assert_eq!(world.run_sql("SELECT 1 FROM erasures").await, 0);
    world.stop().await;
    people.stop().await;
}
