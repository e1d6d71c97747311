//! What the gateway revokes is refused by all services.

use crate::system::{PATIENCE, RunningSystem};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use servers::{RabbitMq, RabbitMqOptions};
use shared::{config::ServiceConfig, outbox::Relay, service::ServiceContext};
use testkit::{Answer, Client};

/// What needs a token, on each service, and what it answers with a good one. (Flight has no such reading: it is asked to
/// delete a city that is not there.)
const CALLS: [(&str, &str, u16); 4] = [
    ("gateway", "/api/v1/users/me", 200),
    ("flight", "/api/v1/admin/cities/XXX", 404),
    ("booking", "/api/v1/bookings", 200),
    ("mailer", "/api/v1/admin/mail", 200),
];

/// Tokens of the administrator.
async fn log_in(system: &RunningSystem) -> Value {
    let administrator = &system.plan.administrator;
    let body = json!({"email": administrator.email, "password": administrator.password.expose_secret()});
    system.anybody.post("/api/v1/auth/login", &body).await.expect(200)
}

async fn log_out(system: &RunningSystem, tokens: &Value) {
    let body = json!({"refresh_token": tokens["refresh_token"]});
    assert_eq!(system.anybody.post("/api/v1/auth/logout", &body).await.status, 204);
}

/// Asks a service itself, past the gateway.
async fn ask(system: &RunningSystem, (service, path): (&str, &str), tokens: &Value) -> Answer {
    let client = Client::new(format!("http://{}", system.services.address(service)));
    let client = client.with_token(tokens["access_token"].as_str().expect("a token"));
    if service == "flight" { client.delete(path).await } else { client.get(path).await }
}

#[actix_web::test]
async fn after_a_logout_every_service_refuses_the_access_token() {
    let system = RunningSystem::with(None, true).await;
    let (ended, other) = (log_in(&system).await, log_in(&system).await);
    for (service, path, good) in CALLS {
        // Their caches know the token now.
        assert_eq!(ask(&system, (service, path), &ended).await.status, good, "{service}");
    }
    log_out(&system, &ended).await;
    // The gateway's relay publishes. This one only waits for it.
    let bus = system.services.buses()[0].clone();
    let relay = Relay::start("gateway", &system.database.config("gateway"), bus);
    relay.drain().await;
    relay.stop().await;
    for (service, path, good) in CALLS {
        ask(&system, (service, path), &ended).await.expect_problem(401, "unauthenticated");
        assert_eq!(ask(&system, (service, path), &other).await.status, good, "{service}");
    }
    system.stop().await;
}

#[actix_web::test]
async fn an_instance_without_the_broker_asks_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let base_dir = folder.path().join("rabbitmq");
    let start = move || RabbitMq::start(RabbitMqOptions { base_dir, port: None });
    let mut broker = tokio::task::spawn_blocking(start).await.unwrap().expect("a broker of our own");
    let system = RunningSystem::over(&broker.url()).await;
    let config = system.plan.booking();
    let jwks_url = Some(format!("http://{}/.well-known/jwks.json", system.services.gateway()));
    let service = ServiceConfig { jwks_url, ..config.service.clone() };
    // As in a process of its own.
    let context = ServiceContext::connect("booking", &service).unwrap();
    let (bus, revocations) = (context.bus.clone(), context.revocations.clone());
    let second = booking::app::start(config, context).await.expect("a second instance starts");
    let tokens = log_in(&system).await;
    let client = Client::new(format!("http://{}", second.address));
    let client = client.with_token(tokens["access_token"].as_str().expect("a token"));
    let _ = client.get("/api/v1/bookings").await.expect(200);

    broker = tokio::task::spawn_blocking(move || {
        broker.shut_down().expect("the broker stops");
        broker
    })
    .await
    .unwrap();
    let mut changes = revocations.changes();
    log_out(&system, &tokens).await;
    let refused = async {
        while client.get("/api/v1/bookings").await.status != 401 {
            changes.changed().await.expect("the list lives");
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it hears of it without the bus");
    client.get("/api/v1/bookings").await.expect_problem(401, "unauthenticated");
    second.stop().await;
    bus.close().await;
    system.stop().await;
    drop(broker);
}
