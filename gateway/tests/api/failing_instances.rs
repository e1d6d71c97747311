//! Instances that die, hang or slow down under load, and what their callers notice.

use crate::{
    fake_service::FakeService,
    gateway_fixture::GatewayFixture,
    scripted_instance::{Behaviour, ScriptedInstance},
};
use awc::http::{Method, StatusCode};
use futures_util::{
    StreamExt,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use gateway::config::Config;
use serde_json::json;
use shared::ids::FlightId;
use std::cell::Cell;
use testkit::{Answer, Client};

const FLIGHTS: &str = "/api/v1/flights";
const CLIENTS: usize = 8;

async fn world(flight: &[&ScriptedInstance], configure: impl FnOnce(&mut Config)) -> GatewayFixture {
    let urls = flight.iter().map(|instance| instance.url.clone()).collect::<Vec<_>>();
    GatewayFixture::start_with(move |config| {
        config.flight_urls = urls.clone();
        config.booking_urls = urls;
        configure(config);
    })
    .await
}

/// Has each of the clients ask so often, one request after the other; gives the number of failed requests. `after` hears
/// of each answer.
async fn load(requests: usize, ask: impl AsyncFn() -> Answer, after: impl Fn(usize)) -> usize {
    let (answered, failed) = (Cell::new(0), Cell::new(0));
    let client = || async {
        for _ in 0..requests {
            if ask().await.status != StatusCode::OK {
                failed.set(failed.get() + 1);
            }
            answered.set(answered.get() + 1);
            after(answered.get());
        }
    };
    join_all((0..CLIENTS).map(|_| client())).await;
    failed.get()
}

#[actix_web::test]
async fn readers_do_not_notice_that_an_instance_dies() {
    let instances = [
        ScriptedInstance::start(Behaviour::Answers).await,
        ScriptedInstance::start(Behaviour::Answers).await,
    ];
    let world = world(&[&instances[0], &instances[1]], |_| {}).await;
    let killed_after = |answered| {
        if answered == 100 {
            instances[0].kill();
        }
    };
    let failed = load(50, || world.client.get(FLIGHTS), killed_after).await;
    println!("an instance dies: {failed} of {} reads failed", 50 * CLIENTS);
    assert_eq!(failed, 0);
    assert!(instances[0].answered() > 0 && instances[1].answered() >= 200);
    world.stop().await;
}

#[actix_web::test]
async fn a_dead_instance_costs_writers_no_more_than_what_it_had_in_its_hands() {
    let instances = [
        ScriptedInstance::start(Behaviour::Answers).await,
        ScriptedInstance::start(Behaviour::Answers).await,
    ];
    let world = world(&[&instances[0], &instances[1]], |_| {}).await;
    let admin = world.admin().await;
    let kill = |answered| {
        if answered == 100 {
            instances[0].kill();
        }
    };
    let failed = load(50, async || admin.post("/api/v1/admin/flights", &json!({})).await, kill).await;
    println!("an instance dies: {failed} of {} writes failed", 50 * CLIENTS);
    assert!(failed <= CLIENTS, "{failed} writes failed");
    // Each failed one may have had its effect; none was sent twice.
    let sent = instances[0].requests().len() + instances[1].requests().len();
    assert!(sent <= 50 * CLIENTS, "{sent} requests reached an instance");
    world.stop().await;
}

#[actix_web::test]
async fn readers_leave_an_instance_that_hangs() {
    let instances = [
        ScriptedInstance::start(Behaviour::Answers).await,
        ScriptedInstance::start(Behaviour::Answers).await,
    ];
    let world = world(&[&instances[0], &instances[1]], |_| {}).await;
    let hang = |answered| {
        if answered == 100 {
            instances[0].behave(Behaviour::Hangs);
        }
    };
    let failed = load(50, || world.client.get(FLIGHTS), hang).await;
    println!("an instance hangs: {failed} of {} reads failed", 50 * CLIENTS);
    assert_eq!(failed, 0);
    let stuck = instances[0].requests().len() - instances[0].answered();
    assert!((1..=CLIENTS).contains(&stuck), "{stuck} requests met the instance that hangs");
    world.stop().await;
}

#[actix_web::test]
async fn a_slow_instance_gets_few_requests() {
    let instances =
        [ScriptedInstance::start(Behaviour::Waits).await, ScriptedInstance::start(Behaviour::Answers).await];
    let world = world(&[&instances[0], &instances[1]], |_| {}).await;
    let speed_up = |answered| {
        if answered == 60 {
            instances[0].let_pass(1000);
        }
    };
    let failed = load(25, || world.client.get(FLIGHTS), speed_up).await;
    println!("an instance is slow: {failed} of {} reads failed", 25 * CLIENTS);
    assert_eq!(failed, 0);
    assert!(instances[1].answered() >= 60);
    world.stop().await;
}

#[actix_web::test]
async fn beyond_what_instances_may_have_at_once_requests_are_refused_at_once() {
    let instance = ScriptedInstance::start(Behaviour::Waits).await;
    let world = world(&[&instance], |config| config.upstream_requests = 2).await;
    let mut asks: FuturesUnordered<_> = (0..3).map(|_| world.client.get(FLIGHTS)).collect();
    // The other two wait for their answers.
    let refused = asks.next().await.unwrap();
    refused.expect_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    instance.let_pass(1000);
    while let Some(answer) = asks.next().await {
        assert_eq!(answer.status, StatusCode::OK);
    }
    drop(asks);
    let _ = world.client.get(FLIGHTS).await.expect(200);
    world.stop().await;
}

/// Asks while the next connection is closed without an answer.
async fn ask_once_closed(
    instance: &ScriptedInstance,
    client: &Client,
    method: Method,
    path: &str,
) -> (u16, usize) {
    let before = instance.requests().len();
    instance.behave(Behaviour::ClosesOnce);
    let answer = client.send(method, path, "application/json", Some(b"{}".to_vec())).await;
    instance.behave(Behaviour::Answers);
    (answer.status.as_u16(), instance.requests().len() - before)
}

#[actix_web::test]
async fn only_what_may_be_done_twice_is_sent_twice() {
    let instance = ScriptedInstance::start(Behaviour::Answers).await;
    let world = world(&[&instance], |_| {}).await;
    let admin = world.admin().await;
    let keyed = admin.with_header("idempotency-key", "one");
    let conditional = admin.with_header("if-match", "\"7\"");
    let city = "/api/v1/admin/cities/LON";
    let bookings = "/api/v1/bookings";
    assert_eq!(ask_once_closed(&instance, &admin, Method::DELETE, city).await, (200, 2));
    assert_eq!(ask_once_closed(&instance, &conditional, Method::DELETE, city).await, (503, 1));
    assert_eq!(ask_once_closed(&instance, &admin, Method::PATCH, city).await, (503, 1));
    assert_eq!(ask_once_closed(&instance, &admin, Method::POST, bookings).await, (503, 1));
    assert_eq!(ask_once_closed(&instance, &keyed, Method::POST, bookings).await, (200, 2));
    assert_eq!(
        ask_once_closed(&instance, &keyed, Method::POST, "/api/v1/admin/cities").await,
        (503, 1),
        "only booking keeps keys"
    );
    world.stop().await;
}

#[actix_web::test]
async fn the_requests_for_a_flight_stay_on_one_instance() {
    let instances = [
        ScriptedInstance::start(Behaviour::Answers).await,
        ScriptedInstance::start(Behaviour::Answers).await,
        ScriptedInstance::start(Behaviour::Answers).await,
    ];
    let world = world(&[&instances[0], &instances[1], &instances[2]], |_| {}).await;
    let admin = world.admin().await;
    for _ in 0..4 {
        let before = instances.each_ref().map(|instance| instance.requests().len());
        let flight = FlightId::new();
        for _ in 0..3 {
            let booking = json!({"segments": [{"flight_id": flight}]});
            let _ = admin.post("/api/v1/bookings", &booking).await.expect(200);
            let _ = admin.get(&format!("/api/v1/flights/{flight}/seat-map")).await.expect(200);
        }
        let served: Vec<usize> =
            instances.iter().zip(before).map(|(one, before)| one.requests().len() - before).collect();
        assert!(served.contains(&6), "{served:?}");
    }
    world.stop().await;
}

#[actix_web::test]
async fn an_instance_can_be_named() {
    let fake = FakeService::start();
    let port = fake.url.port().unwrap();
    let url = format!("http://localhost:{port}").parse().unwrap();
    let world = GatewayFixture::start_with(move |config| config.flight_urls = vec![url]).await;
    let seen = world.client.get(FLIGHTS).await.expect(200);
    assert_eq!(seen["headers"]["host"], format!("localhost:{port}"));
    world.stop().await;
    fake.stop().await;
}

#[actix_web::test]
async fn a_stop_finishes_what_is_under_way_and_takes_nothing_new() {
    let instance = ScriptedInstance::start(Behaviour::Waits).await;
    let world = world(&[&instance], |_| {}).await;
    let (client, base) = (world.client.clone(), world.base.clone());
    let stopping = async {
        while instance.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let release = async {
            // The listener has closed; what is under way still waits.
            while tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.is_ok() {}
            instance.let_pass(1);
        };
        join(world.stop(), release).await;
    };
    let (answer, ()) = join(client.get(FLIGHTS), stopping).await;
    let _ = answer.expect(200);
}
