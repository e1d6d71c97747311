//! `PUT /admin/users/{id}/roles`, and the administrators who keep each other.

use crate::gateway_fixture::{GatewayFixture, PASSWORD};
use serde_json::{Value, json};
use testkit::Client;

const USERS: &str = "/api/v1/admin/users";

fn roles_of(user: &Value) -> String {
    format!("{USERS}/{}/roles", user["id"].as_str().unwrap())
}

/// Another administrator, with a token.
async fn administrator(world: &GatewayFixture, admin: &Client, email: &str) -> (Client, Value) {
    let new = json!({"email": email, "password": PASSWORD, "given_name": "Grace", "family_name": "Hopper", "roles": ["admin"]});
    let user = admin.post(USERS, &new).await.expect(201);
    let tokens = world.log_in(email).await;
    (world.client.with_token(tokens["access_token"].as_str().unwrap()), user)
}

#[actix_web::test]
async fn roles_are_set_as_a_whole() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await;
    let path = roles_of(&ada);
    let answer = admin.put(&path, &json!({"roles": ["ops", "revenue"]})).await;
    let tag = answer.header("etag").to_owned();
    let user = answer.expect(200);
    assert_eq!(user["roles"], json!(["ops", "revenue"]));
    assert!(user["permissions"].as_array().unwrap().contains(&json!("fare:write")));
    assert_eq!(world.log_in("ada@example.org").await["user"]["roles"], user["roles"]);
    let changes = "SELECT 1 FROM events WHERE kind = 'user.access_changed'";
    assert_eq!(world.run_sql(changes).await, 1);
    let again = admin.put(&path, &json!({"roles": ["revenue", "ops"]})).await;
    assert_eq!(again.header("etag"), tag, "nothing has changed");
    assert_eq!(world.run_sql(changes).await, 1);

    let answer = admin.put(&path, &json!({"roles": ["ops", "nosuch"], "role": 1})).await;
    assert_eq!(answer.invalid(), ["/role"]);
    let answer = admin.put(&path, &json!({"roles": ["ops", "nosuch"]})).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/roles/1"]);
    assert_eq!(admin.put(&path, &json!({})).await.invalid(), ["/roles"]);
    world.stop().await;
}

#[actix_web::test]
async fn of_two_writers_with_the_same_copy_one_is_stale() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await;
    let tag = admin.get(&format!("{USERS}/{}", ada["id"].as_str().unwrap())).await.header("etag").to_owned();
    let writer = admin.with_header("if-match", &tag);
    let (path, one, other) = (roles_of(&ada), json!({"roles": ["ops"]}), json!({"roles": ["agent"]}));
    let (one, other) = futures_util::join!(writer.put(&path, &one), writer.put(&path, &other));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    world.stop().await;
}

#[actix_web::test]
async fn the_last_administrator_stays_one() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let root = admin.get("/api/v1/users/me").await.expect(200);
    let path = format!("{USERS}/{}", root["id"].as_str().unwrap());
    let refusals = [
        admin.put(&roles_of(&root), &json!({"roles": ["ops"]})).await,
        admin.delete(&path).await,
        admin.patch(&path, &json!({"status": "deactivated"})).await,
    ];
    for refusal in refusals {
        refusal.expect_problem(409, "conflict");
        assert_eq!(refusal.json["refers"], json!(["roles/admin"]));
    }
    // One who cannot log in does not count.
    let (_, grace) = administrator(&world, &admin, "grace@example.org").await;
    let other = format!("{USERS}/{}", grace["id"].as_str().unwrap());
    admin.delete(&other).await.expect(204);
    admin.delete(&path).await.expect_problem(409, "conflict");
    let _ = admin.patch(&other, &json!({"status": "active"})).await.expect(200);
    let user = admin.put(&roles_of(&root), &json!({"roles": ["customer"]})).await.expect(200);
    assert_eq!(user["roles"], json!(["customer"]));
    world.stop().await;
}

#[actix_web::test]
async fn administrators_cannot_remove_each_other_at_once() {
    let world = GatewayFixture::start().await;
    let mut admin = world.admin().await;
    let mut root = admin.get("/api/v1/users/me").await.expect(200);
    for round in 0..4 {
        let (other, grace) = administrator(&world, &admin, &format!("grace{round}@example.org")).await;
        let (first, second) = (roles_of(&grace), format!("{USERS}/{}", root["id"].as_str().unwrap()));
        let none = json!({"roles": []});
        let (demoted, deactivated) = futures_util::join!(admin.put(&first, &none), other.delete(&second));
        let succeeded = [&demoted, &deactivated].iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(succeeded, 1, "{} {}", demoted.status, deactivated.status);
        let left = "SELECT 1 FROM users u JOIN user_roles r ON r.user_id = u.id AND r.role = 'admin' WHERE u.status = 'active'";
        assert_eq!(world.run_sql(left).await, 1);
        if deactivated.status.is_success() {
            (admin, root) = (other, grace);
        }
    }
    let _ = admin.get(USERS).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn who_loses_a_permission_can_use_it_no_more() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let (other, grace) = administrator(&world, &admin, "grace@example.org").await;
    let ada = world.register("ada@example.org").await;
    let _ = admin.put(&roles_of(&grace), &json!({"roles": ["customer"]})).await.expect(200);
    // The token still names the permission; what counts is what its user may do now.
    let answer = other.put(&roles_of(&ada), &json!({"roles": ["admin"]})).await;
    assert!([401, 403].contains(&answer.status.as_u16()), "{}", answer.status);
    world.stop().await;
}
