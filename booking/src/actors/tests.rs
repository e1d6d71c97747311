//! Requests while the actors behind them die, in a whole service over a real PostgreSQL.

use super::sales::InstanceSales;
use crate::{
    MIGRATIONS,
    actors::payment::{Sandbox, SharedProvider},
    app,
    config::Config,
};
use booking_engine::samples;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use shared::{
    bus::{Bus, in_process::InProcess},
    config::ServiceConfig,
    events::{Event, EventType, FlightState},
    ids::UserId,
    service::{Running, ServiceContext},
};
use std::sync::Arc;
use testkit::{Answer, Client, SERVICE_TOKEN_SECRET, TestDatabase, TokenIssuer};

/// A service with a flight on sale.
struct ActorsFixture {
    sales: InstanceSales,
    running: Running,
    bus: Bus,
    issuer: TokenIssuer,
    client: Client,
    flight: FlightState,
    database: TestDatabase,
}

impl ActorsFixture {
    async fn new() -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let (bus, issuer) = (Bus::new(InProcess::new()), TokenIssuer::new());
        let secret = SERVICE_TOKEN_SECRET.to_owned().into();
        let access = database.config("booking");
        let mut config =
            Config::embedded(ServiceConfig::embedded(([127, 0, 0, 1], 0).into(), &access, secret));
        // However slow the machine is.
        config.patience_ms = 600_000;
        let context = ServiceContext::new(bus.clone(), issuer.keys());
        let provider = |_: &Config, pool: &_| {
            let sandbox: SharedProvider = Arc::new(Sandbox::start(access.clone(), Clone::clone(pool)));
            Ok(sandbox)
        };
        let (running, sales) = app::start_with(config, context, provider).await.unwrap();
        let flight = samples::flight();
        let event = Event::new("flight", EventType::FlightPublished, flight.id, flight.version, &flight);
        bus.publish(Arc::new(event)).await.unwrap();
        let client = Client::new(format!("http://{}", running.address));
        let client = client.with_token(&issuer.token(UserId::new(), &[]));
        Self { sales, running, bus, issuer, client, flight, database }
    }

    fn body(&self, name: &str, seat: &str) -> Value {
        let passenger = json!({
            "type": "ADT", "given_name": name, "family_name": "Lovelace", "born_on": "1990-05-17", "seats": [seat],
        });
        json!({
            "segments": [{"flight_id": self.flight.id, "cabin": "economy", "brand": "standard"}],
            "passengers": [passenger], "contact": {"email": "ada@example.org", "phone": null},
            "payment": {"method": "card", "token": "tok_visa"},
        })
    }

    async fn buy(&self, name: &str, seat: &str) -> Answer {
        self.client.post("/api/v1/bookings", &self.body(name, seat)).await
    }

    /// The service as a new customer.
    fn customer(&self) -> Client {
        let client = Client::new(format!("http://{}", self.running.address));
        client.with_token(&self.issuer.token(UserId::new(), &[]))
    }

    async fn connection(&self) -> AsyncPgConnection {
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        run(&mut connection, "SET search_path = booking").await;
        connection
    }

    async fn stop(self) {
        self.running.stop().await;
        self.bus.close().await;
    }
}

async fn run(connection: &mut AsyncPgConnection, statement: &str) -> usize {
    diesel::sql_query(statement).execute(connection).await.unwrap()
}

#[actix_web::test]
async fn an_allocator_that_dies_is_replaced_by_one_that_knows_the_seats() {
    let fixture = ActorsFixture::new().await;
    fixture.buy("Ada", "4A").await.expect(201);
    fixture.sales.deps.directory.kill(fixture.flight.id).await;
    fixture.buy("Grace", "4A").await.expect_problem(409, "seat_taken");
    fixture.buy("Grace", "4B").await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_ledger_that_dies_is_replaced_and_its_requests_are_carried_out_once() {
    let fixture = ActorsFixture::new().await;
    fixture.buy("Ada", "4A").await.expect(201);
    fixture.sales.deps.ledgers.kill(fixture.flight.id).await;
    fixture.buy("Grace", "4B").await.expect(201);
    // While it has requests: another transaction locks their flight.
    let mut other = fixture.connection().await;
    run(&mut other, "BEGIN").await;
    run(&mut other, "SELECT FROM flights FOR UPDATE").await;
    let waiting = ["Edith", "Joan"].map(|name| {
        let seat = if name == "Edith" { "4C" } else { "4D" };
        let (client, body) = (fixture.client.with_header("idempotency-key", name), fixture.body(name, seat));
        let first = client.clone();
        let sent = body.clone();
        let asked = actix::spawn(async move { first.post("/api/v1/bookings", &sent).await });
        (client, body, asked)
    });
    // Both have got as far as the ledger's lock.
    let lock_waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%flights%'";
    let mut looking = fixture.connection().await;
    while run(&mut looking, lock_waits).await == 0 {
        tokio::task::yield_now().await;
    }
    fixture.sales.deps.ledgers.kill(fixture.flight.id).await;
    run(&mut other, "ROLLBACK").await;
    for (client, body, asked) in waiting {
        let answer = asked.await.unwrap();
        assert!([201, 503].contains(&answer.status.as_u16()), "{}", answer.json);
        if answer.status == 503 {
            assert_ne!(answer.header("retry-after"), "");
            client.post("/api/v1/bookings", &body).await.expect(201);
        }
    }
    assert_eq!(run(&mut other, "SELECT FROM bookings WHERE status = 1").await, 4);
    assert_eq!(run(&mut other, "SELECT FROM sandbox_operations WHERE operation = 0").await, 4);
    fixture.stop().await;
}

/// Holds seats one after the other, each until there is an answer that counts; gives the bookings that were
/// acknowledged, with their seats.
async fn hold_all(client: Client, bodies: Vec<(String, Value)>) -> Vec<(String, String)> {
    let mut held = Vec::new();
    for (seat, body) in bodies {
        let client = client.with_header("idempotency-key", &seat);
        let answer = loop {
            let answer = client.post("/api/v1/bookings", &body).await;
            if answer.status != 503 {
                break answer;
            }
            assert_ne!(answer.header("retry-after"), "");
        };
        let answer = answer.expect(201);
        assert_eq!(answer["passengers"][0]["seats"][0]["designator"], seat.as_str());
        held.push((answer["id"].as_str().unwrap().to_owned(), seat));
    }
    held
}

#[actix_web::test]
async fn arbiters_that_die_under_claims_lose_nothing_and_are_replaced() {
    let fixture = ActorsFixture::new().await;
    let buyers = (5..=9).map(|row| {
        let bodies = ["A", "B", "C", "D", "E", "F"].map(|letter| {
            let seat = format!("{row}{letter}");
            let mut body = fixture.body(&format!("Ada{letter}"), &seat);
            body.as_object_mut().unwrap().remove("payment");
            (seat, body)
        });
        actix::spawn(hold_all(fixture.customer(), bodies.to_vec()))
    });
    let buyers: Vec<_> = buyers.collect();
    let mut looking = fixture.connection().await;
    for killed in 0..8 {
        // Some of the thirty are sold by each arbiter.
        while run(&mut looking, "SELECT FROM bookings").await < killed * 3 {
            tokio::task::yield_now().await;
        }
        fixture.sales.deps.ledgers.kill_arbiter(fixture.flight.id).await;
    }
    let mut acknowledged = Vec::new();
    for buyer in buyers {
        acknowledged.extend(buyer.await.unwrap());
    }
    assert_eq!(acknowledged.len(), 30);
    for (booking, seat) in acknowledged {
        let seat = seat.parse::<shared::seat::SeatDesignator>().unwrap();
        let stored =
            format!("SELECT FROM seats WHERE booking_id = '{booking}' AND seat = {}", seat.to_number());
        assert_eq!(run(&mut looking, &stored).await, 1, "{seat}");
    }
    assert_eq!(run(&mut looking, "SELECT FROM seats").await, 30);
    assert_eq!(run(&mut looking, "SELECT FROM bookings").await, 30);
    fixture.buy("Grace", "4A").await.expect(201);
    fixture.buy("Grace", "5A").await.expect_problem(409, "seat_taken");
    fixture.stop().await;
}
