use crate::{
    fake_service::FakeService,
    gateway_fixture::{ADMIN, GatewayFixture, PASSWORD, config, instance},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{
    auth::Claims,
    events::{AlertReason, SessionAlert},
};
use testkit::{Answer, Client};

const PATH: &str = "/api/v1/users/me/api-keys";

async fn create(owner: &Client, permissions: &[&str]) -> Answer {
    owner.post(PATH, &json!({"name": "nightly report", "permissions": permissions})).await
}

/// A client with the key of a new resource.
fn with_key(client: &Client, issued: &Value) -> Client {
    client.with_token(issued["key"].as_str().unwrap())
}

/// The claims of the token that a service behind the gateway gets.
async fn passed_on(client: &Client) -> Claims {
    let seen = client.get("/api/v1/bookings").await.expect(200);
    let token = seen["headers"]["authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[actix_web::test]
async fn a_key_is_shown_once_and_works_until_it_is_deleted() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let answer = create(&ada, &[]).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let location = answer.header("location").to_owned();
    let issued = answer.expect(201);
    let id = issued["id"].as_str().unwrap();
    assert_eq!(location, format!("{PATH}/{id}"));
    let key = issued["key"].as_str().unwrap();
    assert!(key.starts_with(&format!("aero_{}_", issued["prefix"].as_str().unwrap())));
    assert_eq!((&issued["last_used_at"], &issued["expires_at"]), (&Value::Null, &Value::Null));

    let program = with_key(&world.client, &issued);
    let me = program.get("/api/v1/users/me").await.expect(200);
    assert_eq!(me["email"], "ada@example.org");
    let listed = ada.get(PATH).await.expect(200);
    assert_eq!(listed["data"][0]["id"], issued["id"]);
    assert!(listed["data"][0].get("key").is_none() && !listed["data"][0]["last_used_at"].is_null());
    assert_eq!(listed["page"]["next"], Value::Null);

    let grace = world.customer("grace@example.org").await;
    assert_eq!(grace.delete(&location).await.status, 404, "another's key");
    assert_eq!(ada.delete(&location).await.status, 204);
    program.get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
    assert_eq!(ada.delete(&location).await.status, 404);
    let alerts: Vec<SessionAlert> = world.events("session.alert").await;
    let reasons: Vec<_> = alerts.iter().map(|alert| alert.reason).collect();
    let of_keys = reasons.iter().filter(|reason| **reason == AlertReason::ApiKeysChanged).count();
    assert_eq!(of_keys, 2, "{reasons:?}");
    world.stop().await;
}

#[actix_web::test]
async fn a_key_permits_what_it_was_given_and_its_owner_still_has() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| config.booking_urls = vec![url]).await;
    let admin = world.admin().await;
    let issued = create(&admin, &["user:read", "booking:read_any", "user:read"]).await.expect(201);
    assert_eq!(issued["permissions"], json!(["booking:read_any", "user:read"]));
    let claims = passed_on(&with_key(&world.client, &issued)).await;
    assert_eq!((claims.scope.as_str(), claims.email.as_str()), ("booking:read_any user:read", ADMIN));
    assert!(claims.roles.is_empty() && claims.email_verified);
    assert_eq!(
        claims.locale.map(String::from).as_deref(),
        Some("en"),
        "letters follow the account's language"
    );
    assert_eq!(claims.exp - claims.iat, 60);
    assert_eq!(claims.sid.to_string(), issued["id"].as_str().unwrap());
    // The table refuses what the key does not permit, though its owner may do it.
    let forbidden = with_key(&world.client, &issued).get("/api/v1/admin/mail").await;
    forbidden.expect_problem(403, "forbidden");

    // Another instance has no token of the key at hand, and reads what the owner may do now.
    world.run_sql("INSERT INTO user_roles SELECT id, 'agent' FROM users").await;
    world.run_sql("DELETE FROM user_roles WHERE role = 'admin'").await;
    let mut config = config(&world.database);
    config.admin_email = None;
    config.admin_password = None;
    config.booking_urls = vec![fake.url.clone()];
    let (other, _) = instance(config).await;
    let elsewhere = with_key(&Client::new(format!("http://{}", other.address)), &issued);
    assert_eq!(passed_on(&elsewhere).await.scope, "booking:read_any");
    other.stop().await;
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn an_encoded_path_is_no_way_past_the_routing_table() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let key = with_key(&world.client, &create(&ada, &[]).await.expect(201));
    let new = json!({"name": "another", "permissions": []});
    for caller in [&ada, &key] {
        for path in [
            "/api/v1/users/me/%61pi-keys",
            "/api/v1/users/me/totp%2Fconfirm",
            "/api/v1/%75sers/me/api-keys",
            "/%61pi/v1/users/me/api-keys",
            "/api/v1/auth/%6cogin",
            "/api/v1/admin/%75sers",
        ] {
            caller.post(path, &new).await.expect_problem(404, "not_found");
        }
        for path in ["/api/v1/users/me/%65xport", "/api/v1/users/%6de", "/%2ewell-known/jwks.json"] {
            caller.get(path).await.expect_problem(404, "not_found");
        }
    }
    assert_eq!(ada.get(PATH).await.expect(200)["data"].as_array().unwrap().len(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn junk_in_the_place_of_a_key_or_token_counts_for_its_address() {
    let world = GatewayFixture::start_with(|config| {
        config.trusted_proxies = "127.0.0.1".parse().unwrap();
        config.limits.rate_read_per_minute = 3;
    })
    .await;
    let (ada, admin) = (world.customer("ada@example.org").await, world.admin().await);
    let issued = create(&ada, &[]).await.expect(201);
    for (address, junk) in [("192.0.2.1", "aero_junk"), ("192.0.2.2", "ey.junk")] {
        let at = world.client.with_header("x-forwarded-for", address);
        for _ in 0..3 {
            at.with_token(junk).get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
        }
        at.with_token(junk).get("/api/v1/users/me").await.expect_problem(429, "rate_limited");
    }
    // A request counts once, and an exempt one not at all.
    let elsewhere = world.client.with_header("x-forwarded-for", "192.0.2.3");
    let exempt = admin.with_header("x-forwarded-for", "192.0.2.3");
    for _ in 0..5 {
        let _ = exempt.get("/api/v1/users/me").await.expect(200);
    }
    let first = with_key(&elsewhere, &issued).get("/api/v1/users/me").await;
    assert!(first.header("ratelimit").contains("r=2"), "{}", first.header("ratelimit"));
    world.stop().await;
}

#[actix_web::test]
async fn a_change_of_its_owners_roles_reaches_a_key_that_is_in_use() {
    let fake = FakeService::start();
    let url = fake.url.clone();
    let world = GatewayFixture::start_with(move |config| config.booking_urls = vec![url]).await;
    let admin = world.admin().await;
    let ada = world.register("ada@example.org").await["id"].as_str().unwrap().to_owned();
    let set_roles = async |roles: Value| {
        let path = format!("/api/v1/admin/users/{ada}/roles");
        let _ = admin.put(&path, &json!({"roles": roles})).await.expect(200);
        world.drain().await;
    };
    set_roles(json!(["agent"])).await;
    let tokens = world.log_in("ada@example.org").await;
    let owner = world.client.with_token(tokens["access_token"].as_str().unwrap());
    let key = with_key(&world.client, &create(&owner, &["booking:read_any"]).await.expect(201));
    assert_eq!(passed_on(&key).await.scope, "booking:read_any");
    set_roles(json!(["customer"])).await;
    assert_eq!(passed_on(&key).await.scope, "");
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn nobody_gives_a_key_what_they_lack() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    create(&ada, &["user:read"]).await.expect_problem(403, "forbidden");
    assert_eq!(create(&ada, &["user:read", "everything"]).await.invalid(), ["/permissions/1"]);
    let past = json!({"name": " ", "permissions": [], "expires_at": "2020-01-01T00:00:00Z", "scope": ""});
    assert_eq!(ada.post(PATH, &past).await.invalid(), ["/name", "/expires_at", "/scope"]);
    assert_eq!(ada.post(PATH, &json!({})).await.invalid(), ["/name", "/permissions"]);
    world.client.get(PATH).await.expect_problem(401, "unauthenticated");
    world.stop().await;
}

#[actix_web::test]
async fn a_user_has_twenty_keys_at_most_however_many_are_asked_for_at_once() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let answers = futures_util::future::join_all((0..25).map(|_| create(&ada, &[]))).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.code() == "conflict").count();
    assert_eq!((created, refused), (20, 5));
    let page = ada.get(&format!("{PATH}?limit=15")).await.expect(200);
    let next = page["page"]["next"].as_str().unwrap();
    let rest = ada.get(&format!("{PATH}?limit=15&after={next}")).await.expect(200);
    assert_eq!((page["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (15, 5));
    world.stop().await;
}

#[actix_web::test]
async fn a_key_does_not_change_how_its_owner_logs_in() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let issued = create(&ada, &[]).await.expect(201);
    let program = with_key(&world.client, &issued);
    let own = format!("{PATH}/{}", issued["id"].as_str().unwrap());
    program.get(PATH).await.expect_problem(403, "forbidden");
    create(&program, &[]).await.expect_problem(403, "forbidden");
    program.delete(&own).await.expect_problem(403, "forbidden");
    for (method, path) in [("POST", "totp"), ("DELETE", "totp"), ("POST", "totp/confirm")] {
        let method = method.parse().unwrap();
        let path = format!("/api/v1/users/me/{path}");
        let answer = program.send(method, &path, "application/json", Some(b"{}".to_vec())).await;
        answer.expect_problem(403, "forbidden");
    }
    assert_eq!(ada.get(PATH).await.expect(200)["data"].as_array().unwrap().len(), 1);
    let renamed = program.patch("/api/v1/users/me", &json!({"given_name": "Augusta"})).await.expect(200);
    assert_eq!(renamed["given_name"], "Augusta");
    world.stop().await;
}

#[actix_web::test]
async fn keys_that_are_expired_unknown_or_of_a_closed_account_are_refused() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let issued = create(&ada, &[]).await.expect(201);
    let key = issued["key"].as_str().unwrap();
    let flipped = if key.ends_with('0') { '1' } else { '0' };
    let other = format!("{}{flipped}", &key[..key.len() - 1]);
    for wrong in ["aero_", "aero_1_2", &other, &key.to_uppercase().replace("AERO", "aero")] {
        let client = world.client.with_token(wrong);
        client.get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
        // A bad token is refused even where none is needed.
        client.get("/api/v1/cities").await.expect_problem(401, "unauthenticated");
    }
    world.run_sql("UPDATE api_keys SET expires_at = now() - interval '1 second'").await;
    let program = with_key(&world.client, &issued);
    program.get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
    world.run_sql("UPDATE api_keys SET expires_at = NULL").await;
    world.run_sql("UPDATE users SET status = 'deactivated'").await;
    program.get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
    world.stop().await;
}

#[actix_web::test]
async fn the_last_use_is_written_once_a_minute_and_the_key_never() {
    let world = GatewayFixture::start().await;
    let ada = world.customer("ada@example.org").await;
    let issued = create(&ada, &[]).await.expect(201);
    let secret = issued["key"].as_str().unwrap().rsplit('_').next().unwrap();
    assert_eq!(world.run_sql(&format!("SELECT 1 FROM api_keys k WHERE k::text LIKE '%{secret}%'")).await, 0);
    let use_it = async || {
        let mut config = config(&world.database);
        config.admin_email = None;
        config.admin_password = None;
        // Each instance exchanges the key anew.
        let (other, _) = instance(config).await;
        let program = with_key(&Client::new(format!("http://{}", other.address)), &issued);
        let _ = program.get("/api/v1/users/me").await.expect(200);
        other.stop().await;
    };
    world.run_sql("UPDATE api_keys SET last_used_at = now() - interval '50 seconds'").await;
    use_it().await;
    let older = "SELECT 1 FROM api_keys WHERE last_used_at < now() - interval '45 seconds'";
    assert_eq!(world.run_sql(older).await, 1, "used less than a minute ago");
    world.run_sql("UPDATE api_keys SET last_used_at = now() - interval '2 minutes'").await;
    use_it().await;
    assert_eq!(world.run_sql(older).await, 0);
    assert_eq!(world.try_log_in("ada@example.org", PASSWORD).await.status, 200);
    world.stop().await;
}

#[actix_web::test]
async fn a_network_that_shows_many_unknown_keys_is_refused_and_good_keys_are_not() {
    let world = GatewayFixture::start_with(|config| {
        config.trusted_proxies = "127.0.0.1".parse().unwrap();
    })
    .await;
    let ada = world.customer("ada@example.org").await;
    let issued = create(&ada, &[]).await.expect(201);
    let guesser = world.client.with_header("x-forwarded-for", "192.0.2.1");
    let (good, unused) = (with_key(&guesser, &issued), create(&ada, &[]).await.expect(201));
    let _ = good.get("/api/v1/users/me").await.expect(200);
    for guess in 0..100 {
        let key = format!("aero_{guess:016x}_{guess:064x}");
        let answer = guesser.with_token(&key).get("/api/v1/users/me").await;
        answer.expect_problem(401, "unauthenticated");
    }
    let guessed = guesser.with_token(&format!("aero_{:016x}_{:064x}", 7, 7));
    let answer = guessed.get("/api/v1/users/me").await;
    answer.expect_problem(429, "rate_limited");
    assert_eq!(answer.header("ratelimit-policy"), "\"api-keys\";q=100;w=60");
    for key in [good, with_key(&guesser, &unused)] {
        let _ = key.get("/api/v1/users/me").await.expect(200);
    }
    guessed
        .with_header("x-forwarded-for", "198.51.100.1")
        .get("/api/v1/users/me")
        .await
        .expect_problem(401, "unauthenticated");
    world.stop().await;
}
