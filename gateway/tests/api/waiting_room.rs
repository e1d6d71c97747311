//! Waiting rooms over HTTP, with a small server in booking's place that answers `overloaded` when it is told to.

use crate::gateway_fixture::{GatewayFixture, config, instance};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, web};
use serde_json::{Value, json};
use shared::ids::FlightId;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use testkit::{Answer, Client};
use url::Url;

/// Answers new bookings: 201, or 503 `overloaded` with the flight.
struct FakeBooking {
    url: Url,
    overloaded: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    handle: ServerHandle,
}

impl FakeBooking {
    fn start() -> Self {
        let (overloaded, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (refuses, counts) = (overloaded.clone(), served.clone());
        let server = HttpServer::new(move || {
            let (refuses, counts) = (refuses.clone(), counts.clone());
            let answer = move |request: HttpRequest, body: web::Bytes| {
                let (refuses, counts) = (refuses.clone(), counts.clone());
                async move { answer(&request, &body, (&refuses, &counts)) }
            };
            App::new().default_service(web::to(answer))
        })
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]).parse().unwrap();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, overloaded, served, handle }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    fn overload(&self, overloaded: bool) {
        self.overloaded.store(overloaded, Ordering::SeqCst);
    }

    async fn world(&self) -> GatewayFixture {
        let url = self.url.clone();
        GatewayFixture::start_with(|config| config.booking_urls = vec![url]).await
    }
}

fn answer(
    request: &HttpRequest,
    body: &[u8],
    (refuses, counts): (&AtomicBool, &AtomicUsize),
) -> HttpResponse {
    if request.path() != "/api/v1/bookings" {
        return HttpResponse::Ok().json(json!({"path": request.path()}));
    }
    let body: Value = serde_json::from_slice(body).unwrap();
    if refuses.load(Ordering::SeqCst) {
        let flight = &body["segments"][0]["flight_id"];
        let problem = json!({"code": "overloaded", "status": 503, "flight_id": flight});
        return HttpResponse::ServiceUnavailable()
            .content_type("application/problem+json")
            .insert_header(("retry-after", "2"))
            .body(problem.to_string());
    }
    counts.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Created().json(json!({"booked": body["segments"][0]["flight_id"]}))
}

fn wanted(flight: FlightId) -> Value {
    json!({"segments": [{"flight_id": flight, "cabin": "economy", "brand": "light"}], "passengers": [], "contact": {}})
}

async fn book(client: &Client, flight: FlightId) -> Answer {
    client.post("/api/v1/bookings", &wanted(flight)).await
}

/// The ticket and the position of a request that waits.
fn queued(answer: &Answer) -> (String, i64) {
    answer.expect_problem(503, "queued");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait));
    assert!(!answer.header("x-request-id").is_empty());
    let ticket = answer.json["ticket"].as_str().unwrap().to_owned();
    (ticket, answer.json["position"].as_i64().unwrap())
}

fn with_ticket(client: &Client, ticket: &str) -> Client {
    client.with_header("queue-ticket", ticket)
}

/// Nobody is admitted, and no mark moves by itself.
const HOLD_STILL: &str =
    "UPDATE waiting_rooms SET mark = 0, moved_at = clock_timestamp() + interval '50 seconds'";
/// All marks move by one second.
const ONE_SECOND: &str = "UPDATE waiting_rooms SET moved_at = clock_timestamp() - interval '1 second'";

#[actix_web::test]
async fn new_bookings_of_an_overloaded_flight_wait_for_their_turn() {
    let booking = FakeBooking::start();
    let world = booking.world().await;
    let (ada, bob, flight) =
        (world.customer("ada@example.org").await, world.customer("bob@example.org").await, FlightId::new());
    book(&ada, flight).await.expect(201);
    booking.overload(true);
    let (first, position) = queued(&book(&ada, flight).await);
    world.run_sql(HOLD_STILL).await;
    booking.overload(false);
    assert_eq!(position, 1);
    // The gateway knows of the room from now on, and asks booking nothing.
    let (second, position) = queued(&book(&bob, flight).await);
    assert_eq!(position, 2);
    assert_eq!(queued(&book(&with_ticket(&ada, &first), flight).await), (first.clone(), 1));
    assert_eq!(booking.served(), 1);
    // Other flights and everything but new bookings pass.
    book(&bob, FlightId::new()).await.expect(201);
    let id = FlightId::new();
    bob.post(&format!("/api/v1/bookings/{id}/payments"), &json!({})).await.expect(200);
    bob.patch(&format!("/api/v1/bookings/{id}/seats"), &json!({"changes": [{"flight_id": flight}]}))
        .await
        .expect(200);
    bob.get(&format!("/api/v1/flights/{flight}/seat-map")).await.expect(200);
    // A booking without a flight is booking's to refuse.
    bob.post("/api/v1/bookings", &json!({"segments": []})).await.expect(201);
    // The administrator is exempt.
    book(&world.admin().await, flight).await.expect(201);
    let served = booking.served();

    world.run_sql(ONE_SECOND).await;
    book(&with_ticket(&bob, &second), flight).await.expect(201);
    book(&with_ticket(&ada, &first), flight).await.expect(201);
    book(&with_ticket(&ada, &first), flight).await.expect(201);
    assert_eq!(booking.served(), served + 3, "who is in is served at full speed");
    world.stop().await;
    booking.handle.stop(false).await;
}

#[actix_web::test]
async fn a_forged_ticket_is_no_ticket() {
    let booking = FakeBooking::start();
    let world = booking.world().await;
    let (ada, bob, flight) =
        (world.customer("ada@example.org").await, world.customer("bob@example.org").await, FlightId::new());
    booking.overload(true);
    let (ticket, _) = queued(&book(&ada, flight).await);
    booking.overload(false);
    world.run_sql(HOLD_STILL).await;
    world.run_sql(ONE_SECOND).await;
    book(&with_ticket(&ada, &ticket), flight).await.expect(201);
    world.run_sql(HOLD_STILL).await;
    let last = format!("{}{}", &ticket[..ticket.len() - 1], if ticket.ends_with('A') { "Q" } else { "A" });
    let mut positions = Vec::new();
    for forged in [last.as_str(), "x", "", &ticket[1..], &ticket.repeat(100)] {
        // Bob has the place of a request without a ticket.
        let (fresh, position) = queued(&book(&with_ticket(&bob, forged), flight).await);
        assert_ne!(fresh, ticket);
        positions.push(position);
    }
    assert_eq!(positions, [2; 5], "behind the one ticket that was issued, and one place only");
    queued(&book(&with_ticket(&bob, &ticket), flight).await);
    assert_eq!(booking.served(), 1);
    world.stop().await;
    booking.handle.stop(false).await;
}

#[actix_web::test]
async fn an_admitted_one_that_meets_overload_keeps_its_ticket() {
    let booking = FakeBooking::start();
    let world = booking.world().await;
    let (ada, flight) = (world.customer("ada@example.org").await, FlightId::new());
    booking.overload(true);
    let (ticket, _) = queued(&book(&ada, flight).await);
    world.run_sql(ONE_SECOND).await;
    let refused = book(&with_ticket(&ada, &ticket), flight).await;
    refused.expect_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "2", "booking's own answer");
    let slowed = "UPDATE waiting_rooms SET rate = rate WHERE slowed_at IS NOT NULL";
    assert_eq!(world.run_sql(slowed).await, 1);
    booking.overload(false);
    book(&with_ticket(&ada, &ticket), flight).await.expect(201);
    world.stop().await;
    booking.handle.stop(false).await;
}

#[actix_web::test]
async fn two_gateways_have_one_queue() {
    let booking = FakeBooking::start();
    let world = booking.world().await;
    let mut other = config(&world.database);
    other.booking_urls = vec![booking.url.clone()];
    let (other, _) = instance(other).await;
    let ada = world.customer("ada@example.org").await;
    let elsewhere = ada.at(&format!("http://{}", other.address));
    let flight = FlightId::new();
    booking.overload(true);
    let (first, _) = queued(&book(&ada, flight).await);
    world.run_sql(HOLD_STILL).await;
    // It has heard of the room, or hears of the overload itself.
    assert_eq!(queued(&book(&elsewhere, flight).await).1, 2);
    let grace = world.customer("grace@example.org").await;
    let (third, position) = queued(&book(&grace, flight).await);
    assert_eq!(position, 3);
    booking.overload(false);
    world.run_sql(ONE_SECOND).await;
    book(&with_ticket(&elsewhere, &first), flight).await.expect(201);
    let grace = grace.at(&format!("http://{}", other.address));
    book(&with_ticket(&grace, &third), flight).await.expect(201);
    other.stop().await;
    world.stop().await;
    booking.handle.stop(false).await;
}

#[actix_web::test]
async fn other_refusals_of_booking_open_no_room() {
    let booking = FakeBooking::start();
    let world = booking.world().await;
    let ada = world.customer("ada@example.org").await;
    booking.overload(true);
    // Booking does not know which flight is meant, so its answer names none.
    let refused = ada.post("/api/v1/bookings", &json!({"segments": [{"flight_id": "LHR"}]})).await;
    refused.expect_problem(503, "overloaded");
    assert_eq!(world.run_sql("DELETE FROM waiting_rooms").await, 0);
    world.stop().await;
    booking.handle.stop(false).await;
}

#[actix_web::test]
async fn waiting_rooms_can_be_switched_off() {
    let booking = FakeBooking::start();
    let url = booking.url.clone();
    let world = GatewayFixture::start_with(|config| {
        config.booking_urls = vec![url];
        config.waiting_room_rate = 0;
    })
    .await;
    let ada = world.customer("ada@example.org").await;
    booking.overload(true);
    book(&ada, FlightId::new()).await.expect_problem(503, "overloaded");
    world.stop().await;
    booking.handle.stop(false).await;
}
