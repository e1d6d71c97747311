//! Every write of administrators leaves one audit record.

use crate::gateway_fixture::{GatewayFixture, PASSWORD};
use awc::http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Client, admin_write, admin_writes};

/// What was tried, and by whom.
struct Trial {
    world: GatewayFixture,
    admin: Client,
    tried: BTreeSet<String>,
}

impl Trial {
    /// A write to a path of this template, `key` in its braces; it must leave one record of this action.
    async fn write(
        &mut self,
        (method, template, key): (Method, &str, &str),
        body: &Value,
        (status, action): (u16, &str),
    ) -> Value {
        self.tried.insert(admin_write(method.as_str(), template));
        let path: Vec<_> =
            template.split('/').map(|segment| if segment.starts_with('{') { key } else { segment }).collect();
        let media_type =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = (method != Method::DELETE).then(|| body.to_string().into_bytes());
        let answer = self.admin.send(method, &path.join("/"), media_type, body).await;
        let request = answer.header("x-request-id").to_owned();
        let answer = answer.expect(status);
        let records = self.world.database.audit_records("gateway").await;
        let of_request = records.iter().filter(|record| record["request_id"] == *request);
        let actions: Vec<_> =
            of_request.map(|record| record["action"].as_str().unwrap_or_default()).collect();
        assert_eq!(actions, [action], "{template}");
        answer
    }
}

#[actix_web::test]
async fn every_write_of_administrators_leaves_one_record() {
    let world = GatewayFixture::start().await;
    let admin = world.admin().await;
    let mut trial = Trial { world, admin, tried: BTreeSet::new() };
    let none = json!({});
    let user = json!({
        "email": "grace@example.org", "password": PASSWORD, "given_name": "Grace", "family_name": "Hopper",
        "roles": ["ops"],
    });
    let users = "/api/v1/admin/users";
    let made = trial.write((Method::POST, users, ""), &user, (201, "user.create")).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    let one = format!("{users}/{{id}}");
    let name = json!({"given_name": "Amazing Grace"});
    trial.write((Method::PATCH, &one, &id), &name, (200, "user.change")).await;
    let roles = json!({"roles": ["agent"]});
    trial.write((Method::PUT, &format!("{one}/roles"), &id), &roles, (200, "user.change_roles")).await;
    trial.write((Method::POST, &format!("{one}/unlock"), &id), &none, (204, "user.unlock")).await;
    trial.write((Method::DELETE, &one, &id), &none, (204, "user.change")).await;

    let roles = "/api/v1/admin/roles";
    let role = json!({"name": "desk", "permissions": ["manifest:read"]});
    trial.write((Method::POST, roles, ""), &role, (201, "role.create")).await;
    let one = format!("{roles}/{{name}}");
    let permissions = json!({"permissions": ["report:read"]});
    trial.write((Method::PATCH, &one, "desk"), &permissions, (200, "role.change")).await;
    trial.write((Method::DELETE, &one, "desk"), &none, (204, "role.delete")).await;

    // Tried in `audit::the_gateways_own_records_go_the_same_way`.
    trial.tried.insert(admin_write("post", "/api/v1/admin/dead-letters/{service}/{id}/replay"));
    let document = trial.world.client.get("/openapi.json").await.expect(200);
    assert_eq!(trial.tried, admin_writes(&document), "each write of administrators is tried here");
    trial.world.stop().await;
}
