use crate::gateway_fixture::GatewayFixture;
use serde_json::json;

#[actix_web::test]
async fn a_user_changes_its_names_and_language() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let before = ada.get("/api/v1/users/me").await;
    assert_eq!(before.header("cache-control"), "private, no-store");
    let tag = before.header("etag").to_owned();
    let user = ada.patch("/api/v1/users/me", &json!({"given_name": " Augusta ", "locale": "en-GB"})).await;
    assert_ne!(user.header("etag"), tag);
    let user = user.expect(200);
    assert_eq!(
        (user["given_name"].as_str(), user["family_name"].as_str()),
        (Some("Augusta"), Some("Lovelace"))
    );
    assert_eq!(user["locale"], "en-GB");
    assert_eq!(ada.get("/api/v1/users/me").await.expect(200), user);

    let answer = ada
        .patch("/api/v1/users/me", &json!({"email": "x@example.org", "given_name": null, "locale": 1}))
        .await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/given_name", "/locale", "/email"]);

    let spelt = json!({"given_name": "Anna\u{2010}Lena", "family_name": "O\u{2018}Neil"});
    let user = ada.patch("/api/v1/users/me", &spelt).await.expect(200);
    assert_eq!((&user["given_name"], &user["family_name"]), (&json!("Anna-Lena"), &json!("O'Neil")));
    for name in ["refund.airline-claims.example", "ada@claims", "\u{1f6eb}"] {
        let answer = ada.patch("/api/v1/users/me", &json!({"given_name": name, "family_name": name})).await;
        assert_eq!(answer.invalid(), ["/given_name", "/family_name"], "{name:?}");
    }
    world.stop().await;
}

#[actix_web::test]
async fn unknown_query_parameters_are_refused() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    ada.get("/api/v1/users/me?verbose=1").await.expect_problem(422, "validation_failed");
    ada.patch("/api/v1/users/me?force=1", &json!({})).await.expect_problem(422, "validation_failed");
    world.client.get("/api/v1/users/me?verbose=1").await.expect_problem(401, "unauthenticated");
    for path in ["register", "login", "refresh", "logout"] {
        let path = format!("/api/v1/auth/{path}?x=1");
        ada.post(&path, &json!({})).await.expect_problem(422, "validation_failed");
    }
    world.stop().await;
}

#[actix_web::test]
async fn copies_are_told_apart_by_their_tag() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let tag = ada.get("/api/v1/users/me").await.header("etag").to_owned();
    let known = ada.with_header("if-none-match", &tag).get("/api/v1/users/me").await;
    assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));
    let change = json!({"given_name": "Augusta"});
    let _ = ada.with_header("if-match", &tag).patch("/api/v1/users/me", &change).await.expect(200);
    let stale = ada.with_header("if-match", &tag).patch("/api/v1/users/me", &change).await;
    stale.expect_problem(412, "precondition_failed");
    let writers = (0..4).map(|_| async {
        let tag = ada.get("/api/v1/users/me").await.header("etag").to_owned();
        ada.with_header("if-match", &tag).patch("/api/v1/users/me", &change).await.status.as_u16()
    });
    let statuses = futures_util::future::join_all(writers).await;
    assert!(
        statuses.contains(&200) && statuses.iter().all(|status| [200, 412].contains(status)),
        "{statuses:?}"
    );
    world.stop().await;
}
