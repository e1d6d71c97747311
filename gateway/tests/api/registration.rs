use crate::gateway_fixture::{ADMIN, GatewayFixture, PASSWORD, config, instance, registration};
use diesel::{QueryableByName, sql_types::Text};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use shared::{auth::Permission, events::UserState};

#[actix_web::test]
async fn who_registers_is_a_customer() {
    let world = GatewayFixture::start().await;
    let answer = world.client.post("/api/v1/auth/register", &registration("Ada@Example.org")).await;
    assert_eq!(answer.header("location"), "/api/v1/users/me");
    let user = answer.expect(201);
    assert_eq!(user["email"], "Ada@Example.org");
    assert_eq!(user["email_verified"], false);
    assert_eq!(user["locale"], "en");
    assert_eq!(user["status"], "active");
    assert_eq!(user["roles"], json!(["customer"]));
    assert_eq!(user["permissions"], json!([]));
    assert!(
        user.get("version").is_none()
            && user.get("password").is_none()
            && user.get("password_hash").is_none()
    );
    // Addresses do not tell upper from lower case.
    assert_eq!(world.log_in("ada@example.ORG").await["user"], user);
    world.stop().await;
}

#[actix_web::test]
async fn an_address_has_one_account() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let again = world.client.post("/api/v1/auth/register", &registration("ADA@example.org")).await;
    again.expect_problem(409, "email_taken");
    let two = [registration("bob@example.org"), registration("Bob@example.org")];
    let answers = futures_util::future::join_all(
        two.iter().map(|body| world.client.post("/api/v1/auth/register", body)),
    );
    let mut statuses: Vec<u16> = answers.await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    world.stop().await;
}

#[actix_web::test]
async fn a_domain_of_another_script_is_one_account_with_its_labels_in_ascii() {
    let world = GatewayFixture::start().await;
    let user = world.register("Nina@b\u{fc}cher.example").await;
    assert_eq!(user["email"], "Nina@xn--bcher-kva.example");
    for spelling in ["nina@B\u{dc}CHER.example", "nina@XN--BCHER-KVA.example", "nina@bu\u{308}cher.example"] {
        let again = world.client.post("/api/v1/auth/register", &registration(spelling)).await;
        again.expect_problem(409, "email_taken");
        assert_eq!(world.log_in(spelling).await["user"], user, "{spelling:?}");
    }
    world.stop().await;
}

#[actix_web::test]
async fn an_account_with_an_address_of_an_earlier_release_is_let_in() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    for address in ["Ada@localhost", "ada@[127.0.0.1]", "ada..l@example.org"] {
        let rename = format!(
            "UPDATE users SET email = '{address}', email_key = lower('{address}') WHERE family_name = 'Lovelace'"
        );
        assert_eq!(world.run_sql(&rename).await, 1);
        let user = world.log_in(&address.to_uppercase()).await["user"].clone();
        assert_eq!(user["email"], address);
        let again = world.client.post("/api/v1/auth/register", &registration(address)).await;
        assert_eq!(again.invalid(), ["/email"]);
    }
    world.stop().await;
}

#[actix_web::test]
async fn names_are_put_in_order_before_they_are_kept() {
    let world = GatewayFixture::start().await;
    let mut body = registration("ada@example.org");
    body["given_name"] = json!("Zoe\u{308}\u{2011}Marie");
    body["family_name"] = json!(" O\u{2019}Neil  St.Clair ");
    let user = world.client.post("/api/v1/auth/register", &body).await.expect(201);
    assert_eq!(user["given_name"], "Zo\u{eb}-Marie");
    assert_eq!(user["family_name"], "O'Neil St.Clair");
    world.stop().await;
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = Text)]
    data: String,
}

#[actix_web::test]
async fn a_registration_is_told_to_the_bus() {
    let world = GatewayFixture::start().await;
    let user = world.register("ada@example.org").await;
    let query = format!(
        "SELECT data::text AS data FROM events WHERE kind = 'user.registered' AND subject = '{}'",
        user["id"].as_str().unwrap()
    );
    let told: EventRow = diesel::sql_query(query).get_result(&mut world.sql().await).await.unwrap();
    let state: UserState = serde_json::from_str(&told.data).unwrap();
    assert_eq!((state.email.as_str(), state.given_name.as_str()), ("ada@example.org", "Ada"));
    assert!(!told.data.contains("password"));
    world.stop().await;
}

#[actix_web::test]
async fn all_that_is_wrong_is_told_at_once() {
    let world = GatewayFixture::start().await;
    let body = json!({"email": "nobody", "password": "short", "given_name": " ", "family_name": "x".repeat(500), "locale": "english", "nickname": "Ada"});
    let answer = world.client.post("/api/v1/auth/register", &body).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(
        answer.invalid(),
        ["/email", "/password", "/given_name", "/family_name", "/locale", "/nickname"]
    );

    let answer = world.client.post("/api/v1/auth/register", &json!({})).await;
    assert_eq!(answer.invalid(), ["/email", "/password", "/given_name", "/family_name"]);

    for (field, value) in [
        ("password", json!("x".repeat(72))),
        ("password", json!("\u{1f6eb}".repeat(18))),
        ("password", json!("ten chars\u{0}!")),
        ("password", json!(1_234_567_890)),
        ("password", json!("1234567890")),
        ("password", json!("QWERTYUIOP")),
        ("email", json!("ada@example.org\r\nBcc: eve@example.org")),
        ("email", json!(["ada@example.org"])),
        ("email", json!("n..ina@example.org")),
        ("email", json!("x@[127.0.0.1]")),
        ("email", json!("x@1.2.3.4")),
        ("email", json!("ada@localhost")),
        ("email", json!("n\u{ef}na@example.org")),
        ("given_name", json!("a\u{0}b")),
        ("given_name", json!("\u{1f6eb}")),
        ("given_name", json!("refund.airline-claims.example")),
        ("family_name", json!("http://claims")),
        ("family_name", json!("ada@claims")),
    ] {
        let mut body = registration("ada@example.org");
        body[field] = value;
        let answer = world.client.post("/api/v1/auth/register", &body).await;
        answer.expect_problem(422, "validation_failed");
        assert!(answer.invalid().contains(&format!("/{field}")), "{field}");
    }
    let emoji = json!({"email": "a@example.org", "password": "\u{1f6eb}".repeat(17), "given_name": "\u{5d3}\u{5d5}\u{5d3}", "family_name": "\u{5d5}", "locale": null});
    let _ = world.client.post("/api/v1/auth/register", &emoji).await.expect(201);
    world.stop().await;
}

#[actix_web::test]
async fn what_is_no_json_is_told_apart() {
    let world = GatewayFixture::start().await;
    let send = |content_type: &'static str, body: &'static [u8]| {
        world.client.send(awc::http::Method::POST, "/api/v1/auth/login", content_type, Some(body.to_vec()))
    };
    send("application/json", b"{").await.expect_problem(400, "malformed_json");
    send("application/json", b"\xff").await.expect_problem(400, "malformed_json");
    send("application/json", b"[]").await.expect_problem(422, "validation_failed");
    send("text/plain", b"{}").await.expect_problem(415, "unsupported_media_type");
    let large = vec![b' '; 256 * 1024 + 1];
    let answer = world
        .client
        .send(awc::http::Method::POST, "/api/v1/auth/login", "application/json", Some(large))
        .await;
    answer.expect_problem(413, "payload_too_large");
    world.stop().await;
}

#[actix_web::test]
async fn the_first_administrator_is_made_once_and_may_do_everything() {
    let world = GatewayFixture::start().await;
    let user = world.log_in(ADMIN).await["user"].clone();
    assert_eq!(user["roles"], json!(["admin"]));
    assert_eq!(user["email_verified"], true);
    let mut all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    all.sort_unstable();
    assert_eq!(user["permissions"], json!(all));

    // Another start, with another address and password: there is an administrator already.
    let mut other = config(&world.database);
    other.admin_email = Some("other@example.org".into());
    let (running, _) = instance(other).await;
    world.try_log_in("other@example.org", PASSWORD).await.expect_problem(401, "invalid_credentials");
    running.stop().await;
    assert_eq!(world.run_sql("SELECT 1 FROM users").await, 1);
    world.stop().await;
}

#[actix_web::test]
async fn instances_that_start_at_once_agree() {
    let world = GatewayFixture::start_with(|config| config.admin_email = None).await;
    let starts = (0..3).map(|_| instance(config(&world.database)));
    let running = futures_util::future::join_all(starts).await;
    assert_eq!(world.run_sql("SELECT 1 FROM users").await, 1);
    assert_eq!(world.run_sql("SELECT 1 FROM signing_keys").await, 1);
    for (running, _) in running {
        running.stop().await;
    }
    world.stop().await;
}

#[derive(QueryableByName)]
struct Grant {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    permission: String,
}

#[actix_web::test]
async fn the_built_in_roles_permit_what_the_contract_says() {
    let world = GatewayFixture::start().await;
    let query = "SELECT role, permission FROM role_permissions ORDER BY role, permission";
    let grants: Vec<Grant> = diesel::sql_query(query).load(&mut world.sql().await).await.unwrap();
    let of = |role: &str| -> Vec<&str> {
        grants.iter().filter(|grant| grant.role == role).map(|grant| grant.permission.as_str()).collect()
    };
    assert_eq!(of("customer"), [""; 0]);
    assert_eq!(of("agent"), ["booking:read_any", "booking:write_any"]);
    assert_eq!(of("ops"), ["disruption:write", "flight:write", "manifest:read", "reference:write"]);
    assert_eq!(of("revenue"), ["fare:write", "report:read"]);
    assert!(grants.iter().all(|grant| grant.permission.parse::<Permission>().is_ok()));
    let value: Value = world.log_in(ADMIN).await;
    assert_eq!(value["user"]["permissions"].as_array().unwrap().len(), of("admin").len());
    world.stop().await;
}
