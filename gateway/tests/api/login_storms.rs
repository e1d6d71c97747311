use crate::gateway_fixture::GatewayFixture;
use serde_json::json;
use testkit::RawConnection;

const CLIENT: &str = "192.0.2.1";
const OTHER: &str = "198.51.100.1";

/// A login with a wrong password, byte by byte.
fn wrong_login() -> String {
    let body = json!({"email": "nobody@example.org", "password": "wrong password"}).to_string();
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {CLIENT}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[actix_web::test]
async fn the_password_of_a_client_that_has_gone_is_neither_hashed_nor_counted() {
    // At this cost a hash takes longer than a connection takes to end.
    let world = GatewayFixture::start_with(|config| {
        config.trusted_proxies = "127.0.0.1".parse().unwrap();
        config.admin_email = None;
        config.bcrypt_cost = 11;
    })
    .await;
    let body = json!({"email": "nobody@example.org", "password": "wrong password"});
    let from = |address: &str| {
        let client = world.client.with_header("x-forwarded-for", address);
        let body = body.clone();
        async move { client.post("/api/v1/auth/login", &body).await }
    };
    let busy = actix_web::rt::spawn(from(OTHER));
    for _ in 0..3 {
        let mut gone = RawConnection::open(&world.base).await;
        gone.send(wrong_login().as_bytes()).await;
    }
    from(CLIENT).await.expect_problem(401, "invalid_credentials");
    busy.await.unwrap().expect_problem(401, "invalid_credentials");
    let counted = format!("SELECT 1 FROM login_failures WHERE network = '{CLIENT}' AND failures = 1");
    assert_eq!(world.run_sql(&counted).await, 2, "of the network, and of account and network together");
    world.stop().await;
}
