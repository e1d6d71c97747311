use crate::gateway_fixture::{GatewayFixture, SIGNING_SECRET, config, instance};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gateway::SigningKey;
use serde_json::{Value, json};
use shared::{
    auth::{Claims, KeySet, KeySource, Verifier},
    ids::UserId,
};
use testkit::{Client, TokenIssuer};

fn claims_of(token: &str) -> (Value, Claims) {
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    let header = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (header, serde_json::from_slice(&parts.next().unwrap()).unwrap())
}

#[actix_web::test]
async fn the_published_keys_verify_the_tokens() {
    let world = GatewayFixture::start().await;
    let answer = world.client.get("/.well-known/jwks.json").await;
    assert!(answer.header("cache-control").starts_with("public"));
    let set: KeySet = serde_json::from_value(answer.expect(200)).unwrap();
    let source = KeySource::in_process();
    source.replace(&set);
    let tokens = world.log_in(crate::gateway_fixture::ADMIN).await;
    let token = tokens["access_token"].as_str().unwrap();
    let claims = Verifier::new(source, "https://aerobus.dev", "aerobus").verify(token).await.unwrap();
    let (header, raw) = claims_of(token);
    assert_eq!(*claims, raw);
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "EdDSA", "kid": set.keys[0].kid}));
    assert_eq!(claims.exp - claims.iat, 900);
    assert_eq!(claims.roles, ["admin"]);
    assert_eq!(claims.permissions().len(), shared::auth::Permission::ALL.len());
    assert!(world.keys.is_ready(), "services in the same process can verify at once");
    world.stop().await;
}

#[actix_web::test]
async fn a_token_tells_whose_address_it_is() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    for (email, verified) in [("ada@example.org", false), (crate::gateway_fixture::ADMIN, true)] {
        let tokens = world.log_in(email).await;
        let (_, claims) = claims_of(tokens["access_token"].as_str().unwrap());
        assert_eq!((claims.email.as_str(), claims.email_verified), (email, verified));
    }
    world.stop().await;
}

#[actix_web::test]
async fn forged_tokens_are_refused() {
    let world = GatewayFixture::start().await;
    let user = world.register("ada@example.org").await;
    let id: UserId = user["id"].as_str().unwrap().parse().unwrap();
    let token = world.log_in("ada@example.org").await["access_token"].as_str().unwrap().to_owned();
    let (header, claims) = claims_of(&token);
    let kid = header["kid"].as_str().unwrap();

    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let payload = token.split('.').nth(1).unwrap();
    let none = format!("{}.{payload}.", encode(&json!({"alg": "none", "typ": "at+jwt", "kid": kid})));
    let hmac = format!("{}.{payload}.AAAA", encode(&json!({"alg": "HS256", "typ": "at+jwt", "kid": kid})));
    let other = TokenIssuer::new().token(id, &[]);
    let mut tampered = claims.clone();
    tampered.scope = "system:check".into();
    let (head, signature) = (token.split('.').next().unwrap(), token.split('.').nth(2).unwrap());
    let tampered = format!("{head}.{}.{signature}", encode(&serde_json::to_value(&tampered).unwrap()));

    let key = SigningKey::derive(&SIGNING_SECRET.into(), kid).unwrap();
    let with = |change: fn(&mut Claims)| {
        let mut claims = claims.clone();
        change(&mut claims);
        key.sign(&claims).unwrap()
    };
    let issuer = with(|claims| claims.iss = "https://elsewhere.example".into());
    let audience = with(|claims| claims.aud = "elsewhere".into());
    let early = with(|claims| claims.nbf += 600);
    for (what, token) in [
        ("none", &none),
        ("hmac", &hmac),
        ("another key", &other),
        ("tampered", &tampered),
        ("issuer", &issuer),
        ("audience", &audience),
        ("early", &early),
        ("nonsense", &"nonsense".to_owned()),
        ("empty", &String::new()),
    ] {
        let answer = world.client.with_token(token).get("/api/v1/users/me").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthenticated"), "{what}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let expired = with(|claims| claims.exp = claims.iat - 60);
    world.client.with_token(&expired).get("/api/v1/users/me").await.expect_problem(401, "token_expired");
    let basic = world.client.with_header("authorization", "Basic YTpi").get("/api/v1/users/me").await;
    basic.expect_problem(401, "unauthenticated");
    world.client.get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
    world.stop().await;
}

#[actix_web::test]
async fn a_retired_key_is_trusted_no_longer_than_its_tokens_live() {
    let world = GatewayFixture::start().await;
    let token =
        world.log_in(crate::gateway_fixture::ADMIN).await["access_token"].as_str().unwrap().to_owned();
    let (header, _) = claims_of(&token);
    let mut changed = config(&world.database);
    changed.signing_key_secret = "another secret of the signing keys, longer".into();
    let (rolled, _) = instance(changed.clone()).await;
    let retired = "SELECT 1 FROM signing_keys WHERE retired_at IS NOT NULL";
    assert_eq!(world.run_sql(retired).await, 1, "the old secret's key is retired");
    // An instance with the old secret goes on with its key for a moment.
    let (old, _) = instance(config(&world.database)).await;
    assert_eq!(world.run_sql("SELECT 1 FROM signing_keys").await, 2);
    let earlier =
        "UPDATE signing_keys SET retired_at = now() - interval '20 minutes' WHERE retired_at IS NOT NULL";
    world.run_sql(earlier).await;
    let (later, _) = instance(changed).await;
    let client = Client::new(format!("http://{}", later.address));
    let set: KeySet = serde_json::from_value(client.get("/.well-known/jwks.json").await.expect(200)).unwrap();
    assert!(!set.keys.is_empty() && set.keys.iter().all(|key| header["kid"] != *key.kid));
    client.with_token(&token).get("/api/v1/users/me").await.expect_problem(401, "unauthenticated");
    for running in [rolled, old, later] {
        running.stop().await;
    }
    world.stop().await;
}

#[actix_web::test]
async fn another_instance_and_a_new_secret_keep_old_tokens_good() {
    let world = GatewayFixture::start().await;
    let token =
        world.log_in(crate::gateway_fixture::ADMIN).await["access_token"].as_str().unwrap().to_owned();
    let mut changed = config(&world.database);
    changed.signing_key_secret = "another secret of the signing keys, longer".into();
    let (other, keys) = instance(changed).await;
    let client = Client::new(format!("http://{}", other.address));
    let _ = client.with_token(&token).get("/api/v1/users/me").await.expect(200);
    let set: KeySet = serde_json::from_value(client.get("/.well-known/jwks.json").await.expect(200)).unwrap();
    assert_eq!(set.keys.len(), 2);
    let (header, _) = claims_of(&token);
    assert_eq!(set.keys[1].kid, header["kid"].as_str().unwrap());
    let body = json!({"email": crate::gateway_fixture::ADMIN, "password": crate::gateway_fixture::PASSWORD});
    let new = client.post("/api/v1/auth/login", &body).await.expect(200);
    let (header, _) = claims_of(new["access_token"].as_str().unwrap());
    assert_eq!(header["kid"], set.keys[0].kid);
    assert!(keys.is_ready());
    other.stop().await;
    world.stop().await;
}
