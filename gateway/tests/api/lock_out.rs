use crate::gateway_fixture::{GatewayFixture, PASSWORD, config, instance};
use serde_json::json;
use testkit::{Answer, Client};

/// Where the owner of the account sits, a stranger, and anybody else.
const HOME: &str = "192.0.2.1";
const STRANGER: &str = "198.51.100.1";
const ELSEWHERE: &str = "203.0.113.1";

/// A gateway behind a proxy, which names the clients' addresses.
async fn behind_a_proxy() -> GatewayFixture {
    GatewayFixture::start_with(|config| config.trusted_proxies = "127.0.0.1".parse().unwrap()).await
}

async fn log_in_from(world: &GatewayFixture, address: &str, email: &str, password: &str) -> Answer {
    let client = world.client.with_header("x-forwarded-for", address);
    client.post("/api/v1/auth/login", &json!({"email": email, "password": password})).await
}

/// Has the database count so many failures, as if they had happened just now, and fails once more.
async fn fail_after(world: &GatewayFixture, address: &str, email: &str, failures: i32, counted_by: &str) {
    let fails = |wait: &str| {
        format!("UPDATE login_failures SET failures = {failures}, locked_until = {wait} WHERE {counted_by}")
    };
    let _ = log_in_from(world, address, email, "wrong password").await;
    assert_eq!(world.run_sql(&fails("NULL")).await, 1, "{counted_by}");
    log_in_from(world, address, email, "wrong password").await.expect_problem(401, "invalid_credentials");
}

const TOGETHER: &str = "account <> '' AND network = '198.51.100.1'";
const OF_NETWORK: &str = "account = '' AND network = '198.51.100.1'";
const OF_ACCOUNT: &str = "network = ''";

#[actix_web::test]
async fn each_failure_holds_the_next_attempt_up_for_longer_whether_or_not_there_is_an_account() {
    let world = behind_a_proxy().await;
    world.register("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        for attempt in 1..=6 {
            let answer = log_in_from(&world, STRANGER, email, "wrong password").await;
            assert_eq!(answer.code(), "invalid_credentials", "{attempt}");
            let held_up = format!("SELECT 1 FROM login_failures WHERE {TOGETHER} AND locked_until > since");
            assert_eq!(world.run_sql(&held_up).await, usize::from(attempt == 6), "{attempt}");
        }
        let mut waits = Vec::new();
        for failures in [10, 12, 15, 1000] {
            fail_after(&world, STRANGER, email, failures, TOGETHER).await;
            let locked = log_in_from(&world, STRANGER, email, "wrong password").await;
            locked.expect_problem(429, "account_locked");
            waits.push(locked.header("retry-after").parse::<u64>().unwrap());
        }
        for (wait, longest) in waits.iter().zip([32, 128, 900, 900]) {
            assert!((longest / 2..=longest).contains(wait), "{waits:?}");
        }
        assert_eq!(world.run_sql("DELETE FROM login_failures").await, 3);
    }
    world.stop().await;
}

#[actix_web::test]
async fn a_delay_holds_for_the_right_password_and_on_all_instances() {
    let world = behind_a_proxy().await;
    world.register("ada@example.org").await;
    fail_after(&world, STRANGER, "ada@example.org", 15, TOGETHER).await;
    let right = log_in_from(&world, STRANGER, "ada@example.org", PASSWORD).await;
    right.expect_problem(429, "account_locked");
    let mut config = config(&world.database);
    config.trusted_proxies = "127.0.0.1".parse().unwrap();
    let (other, _) = instance(config).await;
    let client = Client::new(format!("http://{}", other.address)).with_header("x-forwarded-for", STRANGER);
    let body = json!({"email": "ADA@example.org", "password": PASSWORD});
    client.post("/api/v1/auth/login", &body).await.expect_problem(429, "account_locked");
    other.stop().await;

    world.run_sql("UPDATE login_failures SET locked_until = now() - interval '1 second'").await;
    let _ = log_in_from(&world, STRANGER, "ada@example.org", PASSWORD).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn no_stranger_keeps_the_owner_out() {
    let world = behind_a_proxy().await;
    world.register("ada@example.org").await;
    let _ = log_in_from(&world, HOME, "ada@example.org", PASSWORD).await.expect(200);
    fail_after(&world, STRANGER, "ada@example.org", 15, TOGETHER).await;
    log_in_from(&world, STRANGER, "ada@example.org", PASSWORD).await.expect_problem(429, "account_locked");
    let _ = log_in_from(&world, HOME, "ada@example.org", PASSWORD).await.expect(200);
    let _ = log_in_from(&world, ELSEWHERE, "ada@example.org", PASSWORD).await.expect(200);
    world.stop().await;
}

#[actix_web::test]
async fn guesses_from_many_networks_slow_down_those_that_the_account_is_not_known_on() {
    let world = behind_a_proxy().await;
    world.register("ada@example.org").await;
    let _ = log_in_from(&world, HOME, "ada@example.org", PASSWORD).await.expect(200);
    for email in ["ada@example.org", "nobody@example.org"] {
        world.run_sql("DELETE FROM login_failures").await;
        fail_after(&world, STRANGER, email, 115, OF_ACCOUNT).await;
        log_in_from(&world, ELSEWHERE, email, PASSWORD).await.expect_problem(429, "account_locked");
    }
    world.run_sql("DELETE FROM login_failures").await;
    fail_after(&world, STRANGER, "ada@example.org", 115, OF_ACCOUNT).await;
    let _ = log_in_from(&world, HOME, "ada@example.org", PASSWORD).await.expect(200);
    // A login takes nothing off the count of the account: a guesser's turn does not come sooner.
    assert_eq!(world.run_sql("SELECT 1 FROM login_failures WHERE network = '' AND failures = 116").await, 1);
    world.run_sql("UPDATE known_devices SET last_at = last_at - interval '91 days'").await;
    let forgotten = log_in_from(&world, HOME, "ada@example.org", PASSWORD).await;
    forgotten.expect_problem(429, "account_locked");
    world.stop().await;
}

#[actix_web::test]
async fn a_network_that_guesses_at_many_accounts_is_slowed_down_at_all_of_them() {
    let world = behind_a_proxy().await;
    world.register("ada@example.org").await;
    world.register("grace@example.org").await;
    let _ = log_in_from(&world, STRANGER, "grace@example.org", PASSWORD).await.expect(200);
    fail_after(&world, STRANGER, "nobody@example.org", 115, OF_NETWORK).await;
    for email in ["ada@example.org", "nobody2@example.org"] {
        log_in_from(&world, STRANGER, email, PASSWORD).await.expect_problem(429, "account_locked");
    }
    // A user who shares the network with the guesser has logged in from there before.
    let _ = log_in_from(&world, STRANGER, "grace@example.org", PASSWORD).await.expect(200);
    let _ = log_in_from(&world, ELSEWHERE, "ada@example.org", PASSWORD).await.expect(200);
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
    fail(5).await;
    let _ = world.log_in("ada@example.org").await;
    fail(6).await;
    world
        .run_sql("UPDATE login_failures SET since = since - interval '1 day', locked_until = now() - interval '1 second'")
        .await;
    fail(6).await;
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
    assert_eq!((wrong, locked), (6, 24));
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
