use crate::gateway_fixture::{ADMIN, GatewayFixture, PASSWORD, config, instance_on};
use futures_util::future::join_all;
use gateway::{KeyAdministration, KeyAdministrationError, KeyState};
use serde_json::{Value, json};
use shared::{
    auth::{KeySet, KeySource, TokenError, Verifier},
    ids::UserId,
};
use std::{cell::Cell, rc::Rc};
use testkit::{Client, TokenIssuer};

const ME: &str = "/api/v1/users/me";
const JWKS: &str = "/.well-known/jwks.json";
/// Tokens that are verified at once: more than a verifier lets wait for one loading would be refused.
const CROWD: usize = 100;

/// A verifier as a service has it, and its keys.
fn service(world: &GatewayFixture) -> (Verifier, KeySource) {
    let keys = KeySource::fetched(format!("{}{JWKS}", world.base));
    (Verifier::new(keys.clone(), "https://aerobus.dev", "aerobus"), keys)
}

async fn kids(client: &Client) -> Vec<String> {
    let set: KeySet = serde_json::from_value(client.get(JWKS).await.expect(200)).unwrap();
    set.keys.into_iter().map(|key| key.kid).collect()
}

/// Has a gateway look into its database: it does so for a token with a key that it does not know.
async fn reload(client: &Client) {
    let forged = TokenIssuer::new().token(UserId::new(), &[]);
    client.with_token(&forged).get(ME).await.expect_problem(401, "unauthenticated");
}

async fn token(client: &Client) -> String {
    let answer = client.post("/api/v1/auth/login", &json!({"email": ADMIN, "password": PASSWORD})).await;
    answer.expect(200)["access_token"].as_str().unwrap().to_owned()
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn administration(world: &GatewayFixture) -> KeyAdministration {
    KeyAdministration::connect(&world.database.config("gateway")).await.unwrap()
}

#[actix_web::test]
async fn a_rotation_fails_no_verification() {
    let world = GatewayFixture::start().await;
    let (beside, _) = instance_on(config(&world.database), world.bus.clone()).await;
    let other = Client::new(format!("http://{}", beside.address));
    let (verifier, _) = service(&world);
    let old = token(&world.client).await;
    // Somebody verifies all the time, here and there.
    let (over, verified) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    let (until, count) = (over.clone(), verified.clone());
    let (verifying, client, known) = (verifier.clone(), other.with_token(&old), old.clone());
    let load = actix_rt::spawn(async move {
        while !until.get() {
            verifying.verify(&known).await.expect("it is good all the time");
            let _ = client.get(ME).await.expect(200);
            count.set(count.get() + 1);
        }
    });

    administration(&world).await.request_rotation().await.unwrap();
    reload(&world.client).await;
    let announced = kids(&world.client).await;
    assert_eq!(announced.len(), 2, "the new key is published");
    assert_eq!(kid(&token(&world.client).await), announced[1], "and does not sign yet");
    // A minute later, while the other gateway and the service have not heard of it.
    let a_minute = "UPDATE signing_keys SET signs_from = signs_from - interval '1 minute', \
                    retired_at = retired_at - interval '1 minute'";
    world.run_sql(a_minute).await;
    reload(&world.client).await;
    let new = token(&world.client).await;
    assert_eq!(kid(&new), announced[0]);
    let crowd = join_all((0..CROWD).map(|_| verifier.verify(&new))).await;
    assert!(crowd.iter().all(Result::is_ok), "{:?}", crowd.iter().find(|one| one.is_err()));
    let on_other = other.with_token(&new);
    // While the new key is fetched they count by their address, which has 16 requests at the same time.
    for answer in join_all((0..CROWD / 8).map(|_| on_other.get(ME))).await {
        let _ = answer.expect(200);
    }
    for token in [&old, &new] {
        let _ = world.client.with_token(token).get(ME).await.expect(200);
    }
    over.set(true);
    load.await.unwrap();
    assert!(verified.get() > 0);
    beside.stop().await;
    world.stop().await;
}

#[actix_web::test]
async fn a_withdrawn_key_is_trusted_nowhere_and_another_takes_its_place() {
    let world = GatewayFixture::start().await;
    let (beside, _) = instance_on(config(&world.database), world.bus.clone()).await;
    let other = Client::new(format!("http://{}", beside.address));
    let (verifier, keys) = service(&world);
    let stolen = token(&world.client).await;
    for client in [&world.client, &other] {
        let _ = client.with_token(&stolen).get(ME).await.expect(200);
    }
    verifier.verify(&stolen).await.expect("a good token");
    let mut changes = keys.changes();
    administration(&world).await.retire(&kid(&stolen)).await.unwrap();
    for client in [&world.client, &other] {
        reload(client).await;
        client.with_token(&stolen).get(ME).await.expect_problem(401, "token_expired");
    }
    // By itself, within seconds, although its cache knows the token.
    while verifier.verify(&stolen).await.is_ok() {
        changes.changed().await.unwrap();
    }
    assert_eq!(verifier.verify(&stolen).await.err(), Some(TokenError::Expired));
    let new = token(&world.client).await;
    assert_eq!(kids(&world.client).await, [kid(&new)]);
    let _ = other.with_token(&new).get(ME).await.expect(200);
    verifier.verify(&new).await.expect("the new key is trusted");
    beside.stop().await;
    world.stop().await;
}

#[actix_web::test]
async fn an_announced_key_takes_the_place_of_a_withdrawn_one_at_once() {
    let world = GatewayFixture::start().await;
    let mut keys = administration(&world).await;
    keys.request_rotation().await.unwrap();
    assert_eq!(keys.list().await.unwrap()[0].state, KeyState::SuccessorRequested);
    reload(&world.client).await;
    let [announced, signing] = &keys.list().await.unwrap()[..] else { panic!("two keys") };
    assert!(matches!(announced.state, KeyState::Announced { .. }), "{announced:?}");
    assert_eq!(signing.state, KeyState::Signs, "until the other one does");
    let again = keys.request_rotation().await;
    assert!(matches!(again, Err(KeyAdministrationError::NothingToRotate)), "{again:?}");
    keys.retire(&signing.kid).await.unwrap();
    reload(&world.client).await;
    assert_eq!(kid(&token(&world.client).await), announced.kid);
    assert_eq!(keys.list().await.unwrap().len(), 1);
    for unknown in [signing.kid.as_str(), "nonsense"] {
        let refused = keys.retire(unknown).await;
        assert!(matches!(refused, Err(KeyAdministrationError::UnknownKey(_))), "{refused:?}");
    }
    world.stop().await;
}

#[actix_web::test]
async fn a_retired_key_is_listed_until_its_tokens_have_expired() {
    let world = GatewayFixture::start().await;
    let mut keys = administration(&world).await;
    keys.request_rotation().await.unwrap();
    reload(&world.client).await;
    let a_while = "UPDATE signing_keys SET created_at = created_at - interval '5 minutes', \
                   signs_from = signs_from - interval '5 minutes', retired_at = retired_at - interval '5 minutes'";
    world.run_sql(a_while).await;
    let states: Vec<_> = keys.list().await.unwrap().into_iter().map(|key| key.state).collect();
    assert!(matches!(states[..], [KeyState::Signs, KeyState::Retired { .. }]), "{states:?}");
    world.run_sql("UPDATE signing_keys SET retired_at = retired_at - interval '15 minutes'").await;
    assert_eq!(keys.list().await.unwrap().len(), 1);
    reload(&world.client).await;
    assert_eq!(kids(&world.client).await.len(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn caches_may_keep_the_key_set_for_half_of_an_announcement() {
    let world = GatewayFixture::start().await;
    let first = world.client.get(JWKS).await;
    assert_eq!(first.header("cache-control"), "public, max-age=30");
    let tag = first.header("etag").to_owned();
    let known = world.client.with_header("if-none-match", &tag);
    assert_eq!(known.get(JWKS).await.status, 304);
    administration(&world).await.request_rotation().await.unwrap();
    reload(&world.client).await;
    let changed = known.get(JWKS).await;
    assert_ne!(changed.header("etag"), tag);
    let set: Value = changed.expect(200);
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
    world.stop().await;
}
