use crate::gateway_fixture::{GatewayFixture, config, instance_on};
use serde_json::{Value, json};
use shared::auth::ServiceTokens;
use testkit::{Client, SERVICE_TOKEN_SECRET};

const ME: &str = "/api/v1/users/me";
const RECENT: &str = "/internal/revocations";

fn bearer(client: &Client, tokens: &Value) -> Client {
    client.with_token(tokens["access_token"].as_str().unwrap())
}

async fn log_out(world: &GatewayFixture, tokens: &Value) {
    let body = json!({"refresh_token": tokens["refresh_token"]});
    assert_eq!(world.client.post("/api/v1/auth/logout", &body).await.status, 204);
}

/// A client of internal routes.
fn service(world: &GatewayFixture) -> Client {
    let authorization = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into()).authorization("booking");
    world.client.with_header("authorization", &authorization.unwrap())
}

#[actix_web::test]
async fn a_logout_ends_the_access_tokens_of_its_session_and_no_others() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let (ended, other) = (world.log_in("ada@example.org").await, world.log_in("ada@example.org").await);
    let refreshed = world.refresh(&ended).await.expect(200);
    for tokens in [&ended, &refreshed, &other] {
        let _ = bearer(&world.client, tokens).get(ME).await.expect(200);
    }
    log_out(&world, &refreshed).await;
    world.drain().await;
    for tokens in [&ended, &refreshed] {
        let answer = bearer(&world.client, tokens).get(ME).await;
        answer.expect_problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    world.refresh(&refreshed).await.expect_problem(401, "unauthenticated");
    let _ = bearer(&world.client, &other).get(ME).await.expect(200);
    let again = world.log_in("ada@example.org").await;
    let _ = bearer(&world.client, &again).get(ME).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn a_refresh_token_used_again_ends_the_access_tokens_too() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let first = world.log_in("ada@example.org").await;
    let second = world.refresh(&first).await.expect(200);
    world.run_sql("UPDATE refresh_tokens SET rotated_at = rotated_at - interval '11 seconds'").await;
    world.refresh(&first).await.expect_problem(401, "unauthenticated");
    world.drain().await;
    for tokens in [&first, &second] {
        bearer(&world.client, tokens).get(ME).await.expect_problem(401, "unauthenticated");
    }
    world.stop().await;
}

#[actix_web::test]
async fn another_gateway_hears_of_it_and_a_later_one_reads_of_it() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let tokens = world.log_in("ada@example.org").await;
    let (beside, _) = instance_on(config(&world.database), world.bus.clone()).await;
    let on_other = bearer(&Client::new(format!("http://{}", beside.address)), &tokens);
    let _ = on_other.get(ME).await.expect(200);
    log_out(&world, &tokens).await;
    world.drain().await;
    on_other.get(ME).await.expect_problem(401, "unauthenticated");
    let (later, _) = instance_on(config(&world.database), world.bus.clone()).await;
    let on_later = bearer(&Client::new(format!("http://{}", later.address)), &tokens);
    on_later.get(ME).await.expect_problem(401, "unauthenticated");
    for running in [beside, later] {
        running.stop().await;
    }
    world.stop().await;
}

#[actix_web::test]
async fn services_are_told_what_still_counts_and_nobody_else_is() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let told =
        async || service(&world).get(RECENT).await.expect(200)["revocations"].as_array().unwrap().clone();
    assert_eq!(told().await, [json!(null); 0]);
    let tokens = world.log_in("ada@example.org").await;
    log_out(&world, &tokens).await;
    let recent = told().await;
    assert_eq!(recent.len(), 1);
    assert!(recent[0]["session"].is_string() && recent[0]["at"].is_string(), "{recent:?}");

    for client in [&world.client, &bearer(&world.client, &world.log_in("ada@example.org").await)] {
        client.get(RECENT).await.expect_problem(401, "unauthenticated");
    }
    service(&world).get(&format!("{RECENT}?since=0")).await.expect_problem(422, "validation_failed");
    world.run_sql("UPDATE revocations SET not_before = now() - interval '18 minutes'").await;
    assert_eq!(told().await, [json!(null); 0], "all of its tokens have expired");
    world.stop().await;
}
