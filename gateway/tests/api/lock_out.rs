use crate::gateway_fixture::{GatewayFixture, PASSWORD, config, instance};
use serde_json::json;
use testkit::Client;

#[actix_web::test]
async fn ten_failures_lock_an_account_whether_or_not_there_is_one() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        for attempt in 1..=10 {
            let answer = world.try_log_in(email, "wrong password").await;
            assert_eq!(answer.code(), "invalid_credentials", "{attempt}");
        }
        let locked = world.try_log_in(email, "wrong password").await;
        locked.expect_problem(429, "account_locked");
        let wait: u64 = locked.header("retry-after").parse().unwrap();
        assert!((1..=900).contains(&wait), "{wait}");
    }
    // Not even the right password opens it, nor another way to write the address, nor another instance.
    world.try_log_in("ada@example.org", PASSWORD).await.expect_problem(429, "account_locked");
    let (other, _) = instance(config(&world.database)).await;
    let client = Client::new(format!("http://{}", other.address));
    let body = json!({"email": "ADA@example.org", "password": PASSWORD});
    client.post("/api/v1/auth/login", &body).await.expect_problem(429, "account_locked");
    other.stop().await;

    world.run_sql("UPDATE login_failures SET locked_until = now() - interval '1 second'").await;
    let _ = world.log_in("ada@example.org").await;
    world.try_log_in("nobody@example.org", "wrong password").await.expect_problem(401, "invalid_credentials");
    world.stop().await;
}

#[actix_web::test]
async fn failures_are_forgotten_by_a_login_or_in_time() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let fail = async |times: usize| {
        for _ in 0..times {
            world
                .try_log_in("ada@example.org", "wrong password")
                .await
                .expect_problem(401, "invalid_credentials");
        }
    };
    fail(9).await;
    let _ = world.log_in("ada@example.org").await;
    fail(9).await;
    world.run_sql("UPDATE login_failures SET since = since - interval '15 minutes'").await;
    fail(9).await;
    let _ = world.log_in("ada@example.org").await;
    world.stop().await;
}

#[actix_web::test]
async fn guesses_at_once_count_like_guesses_one_by_one() {
    let world = GatewayFixture::start().await;
    world.register("ada@example.org").await;
    let guesses = (0..30).map(|_| world.try_log_in("ada@example.org", "wrong password"));
    let answers = futures_util::future::join_all(guesses).await;
    let wrong = answers.iter().filter(|answer| answer.code() == "invalid_credentials").count();
    let locked = answers.iter().filter(|answer| answer.code() == "account_locked").count();
    assert_eq!((wrong, locked), (10, 20));
    world.stop().await;
}

#[actix_web::test]
async fn bad_logins_have_their_codes() {
    let world = GatewayFixture::start().await;
    let login = async |body| world.client.post("/api/v1/auth/login", &body).await;
    assert_eq!(login(json!({})).await.invalid(), ["/email", "/password"]);
    let answer = login(json!({"email": "x", "password": "y".repeat(72), "remember": true})).await;
    assert_eq!(answer.invalid(), ["/email", "/password", "/remember"]);
    let answer = login(json!({"email": "ada@example.org", "password": "wrong", "totp": "123456"})).await;
    answer.expect_problem(401, "invalid_credentials");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    world.stop().await;
}

#[actix_web::test]
async fn each_address_has_so_many_requests_a_minute() {
    let world = GatewayFixture::start_with(|config| config.auth_rate_per_minute = 3).await;
    // Administrators of load tests are exempt; everybody else is counted.
    let admin = world.admin().await;
    let body = json!({"email": "ada@example.org", "password": "wrong password"});
    let answer = world.client.post("/api/v1/auth/login", &body).await;
    assert_eq!(answer.header("ratelimit-policy"), "\"auth\";q=3;w=60");
    assert_eq!(answer.header("ratelimit"), "\"auth\";r=1;t=60");
    assert_eq!(world.client.post("/api/v1/auth/login", &body).await.status, 401);
    let limited = world.client.post("/api/v1/auth/login", &body).await;
    limited.expect_problem(429, "rate_limited");
    assert!((1..=21).contains(&limited.header("retry-after").parse::<u64>().unwrap()));
    assert!(!limited.json["request_id"].is_null());
    assert_eq!(limited.header("x-request-id"), limited.json["request_id"].as_str().unwrap());
    for _ in 0..5 {
        assert_eq!(admin.post("/api/v1/auth/login", &body).await.status, 401);
    }
    world.stop().await;
}

#[actix_web::test]
async fn a_full_queue_of_passwords_is_503() {
    // At this cost a hash takes longer than it takes the others to arrive.
    let world = GatewayFixture::start_with(|config| {
        config.admin_email = None;
        config.bcrypt_cost = 10;
        config.bcrypt_queue = 1;
    });
    let world = world.await;
    let logins = (0..4).map(|_| world.try_log_in("ada@example.org", "wrong password"));
    let answers = futures_util::future::join_all(logins).await;
    let overloaded: Vec<_> = answers.iter().filter(|answer| answer.code() == "overloaded").collect();
    assert!(!overloaded.is_empty());
    for answer in overloaded {
        answer.expect_problem(503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
    }
    world.stop().await;
}
