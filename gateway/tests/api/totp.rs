use crate::gateway_fixture::{GatewayFixture, PASSWORD};
use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use shared::events::{AlertReason, SessionAlert};
use testkit::{Answer, Client};
use totp_rs::{Builder, Secret, Totp};

const PATH: &str = "/api/v1/users/me/totp";
const EMAIL: &str = "ada@example.org";

/// A user's authenticator app.
struct App(Totp);

impl App {
    fn of(setup: &Value) -> Self {
        let secret = Secret::try_from_base32(setup["secret"].as_str().unwrap()).unwrap();
        Self(Builder::new().with_secret(secret.as_bytes().to_vec()).with_account_name(EMAIL).build().unwrap())
    }

    /// The code of now; the gateway takes it for half a minute longer.
    fn code(&self) -> String {
        self.0.generate(chrono::Utc::now().timestamp().unsigned_abs()).to_string()
    }

    /// Six digits that are no code of these minutes.
    fn wrong_code(&self) -> String {
        let now = chrono::Utc::now().timestamp().unsigned_abs();
        let near: Vec<_> = (0..20).map(|step| self.0.generate(now - 300 + 30 * step).to_string()).collect();
        let codes = (0..1000).map(|code| format!("{code:06}"));
        codes.into_iter().find(|code| !near.contains(code)).unwrap()
    }
}

async fn log_in_with(world: &GatewayFixture, totp: &str) -> Answer {
    let body = json!({"email": EMAIL, "password": PASSWORD, "totp": totp});
    world.client.post("/api/v1/auth/login", &body).await
}

/// Switches the second factor of a user on.
pub(crate) async fn switch_on(user: &Client) {
    let setup = user.post(PATH, &json!({})).await.expect(200);
    let code = App::of(&setup).code();
    let _ = user.post(&format!("{PATH}/confirm"), &json!({"code": code})).await.expect(200);
}

/// A user with a second factor, its app and its recovery codes.
async fn with_second_factor(world: &GatewayFixture) -> (Client, App, Vec<String>) {
    let ada = world.customer(EMAIL).await;
    let setup = ada.post(PATH, &json!({})).await.expect(200);
    let app = App::of(&setup);
    let codes = ada.post(&format!("{PATH}/confirm"), &json!({"code": app.code()})).await.expect(200);
    let codes = codes["recovery_codes"].as_array().unwrap().iter();
    let codes = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
    unused(world).await;
    (ada, app, codes)
}

/// As if the last code had been used long ago.
async fn unused(world: &GatewayFixture) {
    world.run_sql("UPDATE totp_factors SET last_step = 0").await;
}

#[actix_web::test]
async fn a_login_needs_a_code_once_the_factor_is_confirmed() {
    let world = GatewayFixture::start().await;
    let ada = world.customer(EMAIL).await;
    let answer = ada.post(PATH, &json!({})).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let setup = answer.expect(200);
    let uri = setup["otpauth_uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Aerobus:ada%40example.org?secret="), "{uri}");
    let app = App::of(&setup);
    let _ = world.log_in(EMAIL).await;
    let confirm = async |code: &str| ada.post(&format!("{PATH}/confirm"), &json!({"code": code})).await;
    assert_eq!(confirm(&app.wrong_code()).await.invalid(), ["/code"]);
    assert_eq!(confirm("abcd-efgh-ijkl-mnop").await.invalid(), ["/code"]);
    let codes = confirm(&app.code()).await.expect(200);
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    confirm(&app.code()).await.expect_problem(409, "conflict");
    ada.post(PATH, &json!({})).await.expect_problem(409, "conflict");

    let missing = world.try_log_in(EMAIL, PASSWORD).await;
    missing.expect_problem(401, "invalid_credentials");
    assert_eq!(missing.json["totp_required"], true);
    let used = log_in_with(&world, &app.code()).await;
    used.expect_problem(401, "invalid_credentials");
    assert_eq!(used.json["totp_required"], true, "the code that has confirmed the factor is used");
    unused(&world).await;
    let _ = log_in_with(&world, &app.code()).await.expect(200);
    let wrong = world.try_log_in(EMAIL, "wrong password").await;
    wrong.expect_problem(401, "invalid_credentials");
    assert!(wrong.json.get("totp_required").is_none(), "a wrong password tells nothing of the factor");
    assert_eq!(log_in_with(&world, "12345").await.invalid(), ["/totp"]);
    let secret = setup["secret"].as_str().unwrap();
    let bytes = Secret::try_from_base32(secret).unwrap();
    let kept = bytes.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let open = format!("SELECT 1 FROM totp_factors WHERE encode(sealed_secret, 'hex') LIKE '%{kept}%'");
    assert_eq!(world.run_sql(&open).await, 0, "the database alone makes no codes");
    world.stop().await;
}

#[actix_web::test]
async fn a_code_lets_one_of_two_logins_at_once_in() {
    let world = GatewayFixture::start().await;
    let (_, app, codes) = with_second_factor(&world).await;
    for shown in [app.code(), codes[0].clone()] {
        let logins = (0..2).map(|_| log_in_with(&world, &shown));
        let answers = futures_util::future::join_all(logins).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401], "{shown}");
    }
    log_in_with(&world, &codes[0]).await.expect_problem(401, "invalid_credentials");
    let _ = log_in_with(&world, &codes[1].to_uppercase().replace('-', " ")).await.expect(200);
    assert_eq!(world.run_sql("SELECT 1 FROM recovery_codes WHERE used_at IS NULL").await, 8);
    world.stop().await;
}

#[actix_web::test]
async fn wrong_codes_count_like_wrong_passwords() {
    let world = GatewayFixture::start().await;
    let (_, app, _) = with_second_factor(&world).await;
    world.try_log_in(EMAIL, PASSWORD).await.expect_problem(401, "invalid_credentials");
    assert_eq!(world.run_sql("SELECT 1 FROM login_failures").await, 0, "a missing code is no guess");
    for _ in 0..6 {
        log_in_with(&world, &app.wrong_code()).await.expect_problem(401, "invalid_credentials");
    }
    // The sixth failure holds the next attempt up; here for an hour, so that the test has time.
    world.run_sql("UPDATE login_failures SET locked_until = locked_until + interval '1 hour'").await;
    log_in_with(&world, &app.code()).await.expect_problem(429, "account_locked");
    world.stop().await;
}

#[actix_web::test]
async fn a_factor_that_was_sealed_under_another_key_leaves_the_recovery_codes() {
    let world = GatewayFixture::start().await;
    let (_, app, codes) = with_second_factor(&world).await;
    world.run_sql("UPDATE totp_factors SET sealed_secret = decode(repeat('00', 48), 'hex')").await;
    let refused = log_in_with(&world, &app.code()).await;
    refused.expect_problem(401, "invalid_credentials");
    assert!(refused.json["detail"].as_str().unwrap().contains("recovery code"), "{}", refused.json);
    assert_eq!(world.run_sql("SELECT 1 FROM login_failures").await, 0, "it is no guess");
    let _ = log_in_with(&world, &codes[0]).await.expect(200);
    world.stop().await;
}

/// A reset takes the account from somebody who knows the old password, also in the moment of the check.
#[actix_web::test]
async fn a_password_that_was_changed_meanwhile_switches_nothing_off() {
    let world = GatewayFixture::start().await;
    let (ada, _, _) = with_second_factor(&world).await;
    let mut other = world.sql().await;
    other
        .batch_execute("BEGIN; UPDATE users SET password_hash = NULL WHERE email = 'ada@example.org'")
        .await
        .unwrap();
    let body = json!({"password": PASSWORD}).to_string().into_bytes();
    let switch_off = ada.send("DELETE".parse().unwrap(), PATH, "application/json", Some(body));
    let change = async {
        let waiting =
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while world.run_sql(waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = futures_util::join!(switch_off, change);
    assert_eq!(answer.invalid(), ["/password"]);
    assert_eq!(world.run_sql("SELECT 1 FROM totp_factors").await, 1);
    world.stop().await;
}

#[actix_web::test]
async fn the_factor_is_switched_off_by_the_password_and_its_user_is_told() {
    let world = GatewayFixture::start().await;
    let (ada, _, _) = with_second_factor(&world).await;
    let off = async |password: &str| {
        let body = json!({"password": password}).to_string().into_bytes();
        ada.send("DELETE".parse().unwrap(), PATH, "application/json", Some(body)).await
    };
    assert_eq!(off("wrong password").await.invalid(), ["/password"]);
    assert_eq!(off(PASSWORD).await.status, 204);
    assert_eq!(off(PASSWORD).await.status, 404);
    let _ = world.log_in(EMAIL).await;
    let alerts: Vec<SessionAlert> = world.events("session.alert").await;
    let told = alerts.iter().filter(|alert| alert.reason == AlertReason::TotpChanged).count();
    assert_eq!(told, 2, "on and off");
    // It can be begun anew, and each beginning has its own secret.
    let first = ada.post(PATH, &json!({})).await.expect(200);
    let second = ada.post(PATH, &json!({})).await.expect(200);
    assert_ne!(first["secret"], second["secret"]);
    let confirm = ada.post(&format!("{PATH}/confirm"), &json!({"code": App::of(&second).code()})).await;
    let _ = confirm.expect(200);
    world.stop().await;
}
