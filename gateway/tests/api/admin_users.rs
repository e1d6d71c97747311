//! `/admin/users`: what administrators do to accounts.

use crate::gateway_fixture::{GatewayFixture, PASSWORD, registration};
use serde_json::{Value, json};
use testkit::Client;

const USERS: &str = "/api/v1/admin/users";

fn new_user(email: &str, roles: &Value) -> Value {
    json!({"email": email, "password": PASSWORD, "given_name": "Grace", "family_name": "Hopper", "roles": roles})
}

fn path_of(user: &Value) -> String {
    format!("{USERS}/{}", user["id"].as_str().unwrap())
}

/// A client with the token of a new user who has these roles.
async fn staff(world: &GatewayFixture, admin: &Client, email: &str, roles: &Value) -> (Client, Value) {
    let user = admin.post(USERS, &new_user(email, roles)).await.expect(201);
    let tokens = world.log_in(email).await;
    (world.client.with_token(tokens["access_token"].as_str().unwrap()), user)
}

/// A role that may manage users and roles, and nothing else.
async fn clerk(world: &GatewayFixture, admin: &Client) -> Client {
    let role = json!({"name": "clerk", "permissions": ["user:read", "user:write", "role:write"]});
    let _ = admin.post("/api/v1/admin/roles", &role).await.expect(201);
    staff(world, admin, "clerk@example.org", &json!(["clerk"])).await.0
}

#[actix_web::test]
async fn an_administrator_makes_an_account() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let answer = admin.post(USERS, &new_user("grace@example.org", &json!(["ops", "agent", "ops"]))).await;
    let (location, tag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let user = answer.expect(201);
    assert_eq!((&user["email_verified"], &user["status"]), (&json!(true), &json!("active")));
    assert_eq!(user["roles"], json!(["agent", "ops"]));
    assert_eq!(location, path_of(&user));
    let read = admin.get(&location).await;
    assert_eq!(read.header("etag"), tag);
    assert_eq!(read.expect(200), user);
    let known = admin.with_header("if-none-match", &tag).get(&location).await;
    assert_eq!(known.status, 304);
    assert_eq!(world.log_in("grace@example.org").await["user"], user);

    let taken = admin.post(USERS, &new_user("GRACE@example.org", &json!(null))).await;
    taken.expect_problem(409, "email_taken");
    let customer = admin.post(USERS, &new_user("x@example.org", &json!(null))).await.expect(201);
    assert_eq!(customer["roles"], json!(["customer"]));
    let nobody = admin.post(USERS, &new_user("y@example.org", &json!([]))).await.expect(201);
    assert_eq!((&nobody["roles"], &nobody["permissions"]), (&json!([]), &json!([])));
    world.stop().await;
}

#[actix_web::test]
async fn an_account_without_a_password_cannot_be_logged_in_to() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let body = json!({"email": "grace@example.org", "given_name": "Grace", "family_name": "Hopper"});
    let _ = admin.post(USERS, &body).await.expect(201);
    for password in [PASSWORD, "!", ""] {
        let answer = world.try_log_in("grace@example.org", password).await;
        answer.expect_problem(401, "invalid_credentials");
    }
    world.stop().await;
}

#[actix_web::test]
async fn bad_accounts_are_told_all_at_once() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let bad = json!({
        "email": "x", "password": "y".repeat(72), "given_name": "a@b", "locale": 7, "roles": [7], "status": "active",
    });
    let answer = admin.post(USERS, &bad).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(
        answer.invalid(),
        ["/email", "/password", "/given_name", "/family_name", "/locale", "/roles", "/status"]
    );
    let nul = admin.post(USERS, &json!({"email": "a@example.org", "password": "with a \u{0}NUL", "given_name": "A", "family_name": "B"})).await;
    assert!(nul.invalid().contains(&"/password".to_owned()), "{:?}", nul.json);
    let unknown = json!(["ops", "nosuch", "Not A Name", "admin"]);
    let answer = admin.post(USERS, &new_user("grace@example.org", &unknown)).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/roles/1", "/roles/2"]);
    let many = admin.post(USERS, &new_user("grace@example.org", &json!(vec!["ops"; 101]))).await;
    assert_eq!(many.invalid(), ["/roles"]);
    world.stop().await;
}

#[actix_web::test]
async fn users_are_found_by_address_name_role_and_status() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    for (email, given_name) in
        [("ada@example.org", "Ada"), ("b_b@example.org", "\u{c9}lodie"), ("c@x.example", "Cleo")]
    {
        let mut body = registration(email);
        body["given_name"] = given_name.into();
        let _ = world.client.post("/api/v1/auth/register", &body).await.expect(201);
    }
    let found = async |query: &str| -> Vec<String> {
        let page = admin.get(&format!("{USERS}?{query}")).await.expect(200);
        let users = page["data"].as_array().unwrap().clone();
        users.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("q=EXAMPLE.ORG&role=customer").await, ["b_b@example.org", "ada@example.org"]);
    assert_eq!(found("q=%C3%A9LODIE+love").await, ["b_b@example.org"]);
    assert_eq!(found("q=b_b").await, ["b_b@example.org"]);
    assert!(found("q=d_a").await.is_empty(), "an underscore means itself");
    assert_eq!(found("role=admin").await, ["admin@example.org"]);
    assert!(found("role=ops").await.is_empty());
    let ada = admin.get(&format!("{USERS}?q=ada%40")).await.expect(200)["data"][0].clone();
    admin.delete(&path_of(&ada)).await.expect(204);
    assert_eq!(found("status=deactivated").await, ["ada@example.org"]);
    assert_eq!(found("status=active&q=ada%40").await, Vec::<String>::new());

    let first = admin.get(&format!("{USERS}?limit=3")).await.expect(200);
    let next = first["page"]["next"].as_str().unwrap().to_owned();
    assert_eq!(found(&format!("limit=3&after={next}")).await, ["admin@example.org"]);
    let other = admin.get(&format!("{USERS}?status=active&after={next}")).await;
    assert_eq!(other.invalid(), ["after"]);
    let bad =
        admin.get(&format!("{USERS}?role=NO!&status=gone&limit=0&sort=email&q={}", "x".repeat(255))).await;
    bad.expect_problem(422, "validation_failed");
    assert_eq!(bad.invalid(), ["role", "q", "status", "limit", "sort"]);
    world.stop().await;
}

#[actix_web::test]
async fn an_administrator_changes_a_user() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await;
    let path = path_of(&ada);
    let change = json!({"given_name": "Augusta", "email": "augusta@example.org", "locale": "fr"});
    let changed = admin.patch(&path, &change).await;
    let tag = changed.header("etag").to_owned();
    let user = changed.expect(200);
    assert_eq!((&user["given_name"], &user["email"]), (&json!("Augusta"), &json!("augusta@example.org")));
    assert_eq!((&user["email_verified"], &user["locale"]), (&json!(true), &json!("fr")));
    assert_eq!(user["family_name"], ada["family_name"]);
    assert_eq!(world.log_in("augusta@example.org").await["user"], user);
    assert_eq!(admin.patch(&path, &change).await.header("etag"), tag, "nothing has changed");

    admin.patch(&path, &json!({"email": "admin@example.org"})).await.expect_problem(409, "email_taken");
    let bad = json!({"email": null, "status": "gone", "roles": [], "given_name": 1});
    assert_eq!(admin.patch(&path, &bad).await.invalid(), ["/given_name", "/email", "/status", "/roles"]);
    let stale = admin.with_header("if-match", "\"1\"").patch(&path, &json!({"locale": "de"})).await;
    stale.expect_problem(412, "precondition_failed");
    admin.with_header("if-match", "\"1\"").delete(&path).await.expect_problem(412, "precondition_failed");
    let nobody = format!("{USERS}/0190f2b0-0000-7000-8000-000000000000");
    for path in [nobody.as_str(), "/api/v1/admin/users/x"] {
        admin.get(path).await.expect_problem(404, "not_found");
        admin.patch(path, &json!({"locale": "de"})).await.expect_problem(404, "not_found");
        admin.delete(path).await.expect_problem(404, "not_found");
        admin.put(&format!("{path}/roles"), &json!({"roles": []})).await.expect_problem(404, "not_found");
        admin.post(&format!("{path}/unlock"), &json!({})).await.expect_problem(404, "not_found");
    }
    world.stop().await;
}

#[actix_web::test]
async fn a_deactivated_user_is_signed_out_until_reactivated() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await;
    let tokens = world.log_in("ada@example.org").await;
    for _ in 0..2 {
        admin.delete(&path_of(&ada)).await.expect(204);
    }
    assert_eq!(admin.get(&path_of(&ada)).await.expect(200)["status"], "deactivated");
    world.refresh(&tokens).await.expect_problem(401, "unauthenticated");
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(401, "invalid_credentials");
    let told = |kind: &str| format!("SELECT 1 FROM events WHERE kind = '{kind}'");
    assert_eq!(world.run_sql(&told("user.access_changed")).await, 1, "the second time changes nothing");
    assert_eq!(world.run_sql(&told("session.ended")).await, 1);

    let user = admin.patch(&path_of(&ada), &json!({"status": "active"})).await.expect(200);
    assert_eq!(user["status"], "active");
    world.refresh(&tokens).await.expect_problem(401, "unauthenticated");
    let _ = world.log_in("ada@example.org").await;
    world.stop().await;
}

#[actix_web::test]
async fn an_administrator_unlocks_a_user() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await;
    let _ = world.try_log_in("ada@example.org", "wrong password").await;
    world
        .run_sql("UPDATE login_failures SET locked_until = now() + interval '10 minutes' WHERE account <> ''")
        .await;
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(429, "account_locked");
    let path = format!("{}/unlock", path_of(&ada));
    assert_eq!(admin.post(&path, &json!({"now": true})).await.invalid(), ["/now"]);
    admin.post(&path, &json!({})).await.expect(204);
    let _ = world.log_in("ada@example.org").await;
    world.stop().await;
}

#[actix_web::test]
async fn nobody_changes_a_user_who_may_do_more() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let clerk = clerk(&world, &admin).await;
    let root = admin.get("/api/v1/users/me").await.expect(200);
    let (_, ops) = staff(&world, &admin, "ops@example.org", &json!(["ops"])).await;
    for above in [&root, &ops] {
        let path = path_of(above);
        clerk.patch(&path, &json!({"email": "mine@example.org"})).await.expect_problem(403, "forbidden");
        clerk.patch(&path, &json!({"given_name": "Eve"})).await.expect_problem(403, "forbidden");
        clerk.delete(&path).await.expect_problem(403, "forbidden");
        clerk.post(&format!("{path}/unlock"), &json!({})).await.expect_problem(403, "forbidden");
        clerk.put(&format!("{path}/roles"), &json!({"roles": []})).await.expect_problem(403, "forbidden");
        assert_eq!(admin.get(&path).await.expect(200), *above);
    }
    let made = clerk.post(USERS, &new_user("eve@example.org", &json!(["ops"]))).await;
    made.expect_problem(403, "forbidden");
    assert!(made.json["detail"].as_str().unwrap().contains("flight:write"), "{}", made.json);
    let eve = clerk.post(USERS, &new_user("eve@example.org", &json!(["clerk"]))).await.expect(201);
    let path = format!("{}/roles", path_of(&eve));
    clerk.put(&path, &json!({"roles": ["clerk", "admin"]})).await.expect_problem(403, "forbidden");
    let customer = clerk.put(&path, &json!({"roles": ["customer"]})).await.expect(200);
    assert_eq!(customer["permissions"], json!([]));
    clerk.delete(&path_of(&eve)).await.expect(204);
    world.stop().await;
}

#[actix_web::test]
async fn roles_need_their_own_permission() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let role = json!({"name": "desk", "permissions": ["user:write"]});
    let _ = admin.post("/api/v1/admin/roles", &role).await.expect(201);
    let (desk, user) = staff(&world, &admin, "desk@example.org", &json!(["desk"])).await;
    desk.post(USERS, &new_user("x@example.org", &json!(["customer"]))).await.expect_problem(403, "forbidden");
    let _ = desk.post(USERS, &new_user("x@example.org", &json!(null))).await.expect(201);
    let path = format!("{}/roles", path_of(&user));
    desk.put(&path, &json!({"roles": []})).await.expect_problem(403, "forbidden");
    desk.get(USERS).await.expect_problem(403, "forbidden");
    world.client.get(USERS).await.expect_problem(401, "unauthenticated");
    world.client.post(USERS, &json!({})).await.expect_problem(401, "unauthenticated");
    world.stop().await;
}

#[actix_web::test]
async fn every_change_is_audited_without_naming_the_person() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await.with_header("x-request-id", "audited");
    let made = admin.post(USERS, &new_user("grace@example.org", &json!(["ops"]))).await.expect(201);
    let path = path_of(&made);
    let _ = admin.patch(&path, &json!({"email": "hopper@example.org"})).await.expect(200);
    let _ = admin.put(&format!("{path}/roles"), &json!({"roles": ["agent"]})).await.expect(200);
    admin.post(&format!("{path}/unlock"), &json!({})).await.expect(204);
    admin.delete(&path).await.expect(204);
    let records = world.events::<Value>("audit.recorded").await;
    let actions: Vec<_> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user.create", "user.change", "user.change_roles", "user.unlock", "user.change"]);
    let subject = format!("user/{}", made["id"].as_str().unwrap());
    for record in &records {
        assert_eq!((&record["subject"], &record["request_id"]), (&json!(subject), &json!("audited")));
        for personal in ["grace", "hopper", "Grace", "Hopper", PASSWORD] {
            assert!(!record.to_string().contains(personal), "{record}");
        }
    }
    assert_eq!(records[1]["after"]["changed"], json!(["email"]));
    let roles = (&records[2]["before"]["roles"], &records[2]["after"]["roles"]);
    assert_eq!(roles, (&json!(["ops"]), &json!(["agent"])));
    assert_eq!(
        (&records[4]["before"]["status"], &records[4]["after"]["status"]),
        (&json!("active"), &json!("deactivated"))
    );
    world.stop().await;
}
