//! `/admin/roles`, and the catalogue of permissions.

use crate::gateway_fixture::{GatewayFixture, PASSWORD};
use serde_json::{Value, json};
use shared::auth::Permission;
use std::collections::BTreeSet;

const ROLES: &str = "/api/v1/admin/roles";
const USERS: &str = "/api/v1/admin/users";

#[actix_web::test]
async fn the_built_in_roles_use_the_catalogue_of_permissions() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let page = admin.get(ROLES).await.expect(200);
    let roles = page["data"].as_array().unwrap();
    let named: Vec<_> = roles.iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["admin", "agent", "customer", "ops", "revenue"]);
    let catalogue: BTreeSet<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    let permissions = |role: &Value| -> BTreeSet<String> {
        role["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for role in roles {
        assert_eq!(role["built_in"], true);
        let unknown: Vec<_> =
            permissions(role).into_iter().filter(|name| !catalogue.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{role}");
    }
    assert!(permissions(&roles[0]).iter().map(String::as_str).eq(catalogue), "admin may do everything");
    world.stop().await;
}

#[actix_web::test]
async fn a_role_of_ones_own_is_made_changed_and_deleted() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await.with_header("x-request-id", "audited");
    let body = json!({"name": "supervisor", "permissions": ["report:read", "manifest:read", "report:read"]});
    let answer = admin.post(ROLES, &body).await;
    assert_eq!(answer.header("location"), "/api/v1/admin/roles/supervisor");
    let tag = answer.header("etag").to_owned();
    let role = answer.expect(201);
    assert_eq!(
        role,
        json!({"name": "supervisor", "built_in": false, "permissions": ["manifest:read", "report:read"]})
    );
    let taken = admin.post(ROLES, &body).await;
    taken.expect_problem(409, "conflict");
    assert_eq!(taken.json["refers"], json!(["roles/supervisor"]));

    let path = format!("{ROLES}/supervisor");
    let changed =
        admin.with_header("if-match", &tag).patch(&path, &json!({"permissions": ["audit:read"]})).await;
    assert_eq!(changed.expect(200)["permissions"], json!(["audit:read"]));
    let stale = admin.with_header("if-match", &tag);
    stale.patch(&path, &json!({"permissions": []})).await.expect_problem(412, "precondition_failed");
    stale.delete(&path).await.expect_problem(412, "precondition_failed");
    let kept = admin.patch(&path, &json!({})).await.expect(200);
    assert_eq!(kept["permissions"], json!(["audit:read"]));
    admin.delete(&path).await.expect(204);
    admin.delete(&path).await.expect_problem(404, "not_found");
    admin.patch(&path, &json!({"permissions": []})).await.expect_problem(404, "not_found");
    admin.delete(&format!("{ROLES}/No%20Name")).await.expect_problem(404, "not_found");

    let records = world.events::<Value>("audit.recorded").await;
    let actions: Vec<_> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["role.create", "role.change", "role.delete"]);
    assert_eq!(records[1]["before"]["permissions"], json!(["manifest:read", "report:read"]));
    assert_eq!((&records[2]["subject"], &records[2]["after"]), (&json!("role/supervisor"), &Value::Null));
    world.stop().await;
}

#[actix_web::test]
async fn bad_roles_are_told_all_at_once() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let bad = json!({"name": "Night Shift", "permissions": ["report:read", "nosuch", "report:*"], "built_in": true});
    let answer = admin.post(ROLES, &bad).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/name", "/permissions/1", "/permissions/2", "/built_in"]);
    assert_eq!(admin.post(ROLES, &json!({"name": "x"})).await.invalid(), ["/name", "/permissions"]);
    let _ = admin.post(ROLES, &json!({"name": "night", "permissions": []})).await.expect(201);
    let path = format!("{ROLES}/night");
    let bad = json!({"name": "day", "permissions": [null]});
    assert_eq!(admin.patch(&path, &bad).await.invalid(), ["/name", "/permissions"]);
    assert_eq!(admin.patch(&path, &json!({"permissions": null})).await.invalid(), ["/permissions"]);
    assert_eq!(admin.get(&format!("{ROLES}?sort=name")).await.invalid(), ["sort"]);
    let first = admin.get(&format!("{ROLES}?limit=5")).await.expect(200);
    let next = first["page"]["next"].as_str().unwrap();
    let second = admin.get(&format!("{ROLES}?limit=5&after={next}")).await.expect(200);
    assert_eq!((&second["data"][0]["name"], &second["page"]["next"]), (&json!("revenue"), &Value::Null));
    world.stop().await;
}

#[actix_web::test]
async fn built_in_roles_stay_as_they_are() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    for name in ["admin", "agent", "customer", "ops", "revenue"] {
        let path = format!("{ROLES}/{name}");
        admin.patch(&path, &json!({"permissions": []})).await.expect_problem(409, "conflict");
        admin.delete(&path).await.expect_problem(409, "conflict");
    }
    world.stop().await;
}

#[actix_web::test]
async fn a_change_of_a_role_reaches_its_users() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let _ = admin.post(ROLES, &json!({"name": "desk", "permissions": ["user:read"]})).await.expect(201);
    for email in ["a@example.org", "b@example.org"] {
        let new = json!({"email": email, "password": PASSWORD, "given_name": "A", "family_name": "B", "roles": ["desk"]});
        let _ = admin.post(USERS, &new).await.expect(201);
    }
    let used = admin.delete(&format!("{ROLES}/desk")).await;
    used.expect_problem(409, "conflict");
    assert_eq!(used.json["refers"], json!(["users"]));
    let _ = admin.patch(&format!("{ROLES}/desk"), &json!({"permissions": ["audit:read"]})).await.expect(200);
    assert_eq!(world.run_sql("SELECT 1 FROM events WHERE kind = 'user.access_changed'").await, 2);
    assert_eq!(world.log_in("a@example.org").await["user"]["permissions"], json!(["audit:read"]));
    world.stop().await;
}

#[actix_web::test]
async fn nobody_makes_a_role_of_what_they_lack() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let _ = admin
        .post(ROLES, &json!({"name": "desk", "permissions": ["user:read", "role:write"]}))
        .await
        .expect(201);
    let _ = admin.post(ROLES, &json!({"name": "tower", "permissions": ["flight:write"]})).await.expect(201);
    let new = json!({"email": "a@example.org", "password": PASSWORD, "given_name": "A", "family_name": "B", "roles": ["desk"]});
    let _ = admin.post(USERS, &new).await.expect(201);
    let tokens = world.log_in("a@example.org").await;
    let desk = world.client.with_token(tokens["access_token"].as_str().unwrap());
    let forbidden = [
        desk.post(ROLES, &json!({"name": "mine", "permissions": ["user:read", "user:write"]})).await,
        desk.patch(&format!("{ROLES}/desk"), &json!({"permissions": ["role:write", "flight:write"]})).await,
        desk.patch(&format!("{ROLES}/tower"), &json!({"permissions": []})).await,
        desk.delete(&format!("{ROLES}/tower")).await,
    ];
    for answer in forbidden {
        answer.expect_problem(403, "forbidden");
    }
    let _ = desk.post(ROLES, &json!({"name": "mine", "permissions": ["user:read"]})).await.expect(201);
    let _ = desk.get(ROLES).await.expect(200);
    world.customer("ada@example.org").await.get(ROLES).await.expect_problem(403, "forbidden");
    world.stop().await;
}

#[actix_web::test]
async fn a_role_is_not_deleted_while_it_is_given() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await;
    let path = format!("{USERS}/{}/roles", ada["id"].as_str().unwrap());
    for round in 0..4 {
        let name = format!("role-{round}");
        let _ = admin.post(ROLES, &json!({"name": name, "permissions": []})).await.expect(201);
        let (role, wanted) = (format!("{ROLES}/{name}"), json!({"roles": [name]}));
        let (deleted, given) = futures_util::join!(admin.delete(&role), admin.put(&path, &wanted));
        match (deleted.status.as_u16(), given.status.as_u16()) {
            (204, 422) => assert_eq!(given.invalid(), ["/roles/0"]),
            (409, 200) => assert_eq!(deleted.json["refers"], json!(["users"])),
            other => panic!("{other:?}"),
        }
    }
    world.stop().await;
}
