//! The desk with a provider that is played, in a whole service over a real PostgreSQL.

mod unstored_decisions;

use super::{SharedProvider, sandbox::Sandbox};
use crate::{
    MIGRATIONS,
    actors::sales::InstanceSales,
    app,
    config::Config,
    store::{
        refunds,
        unsettled_counts::{self, UnsettledCounts},
        unsettled_payments,
    },
};
use booking_engine::{
    payment::record::PaymentState,
    ports::{PaymentProvider, Payments, ProviderError, ProviderReply},
    saga::step::ProviderDecision,
    samples,
};
use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use shared::{
    bus::{Bus, in_process::InProcess},
    config::ServiceConfig,
    events::{Event, EventType, FlightState},
    ids::{PaymentId, RefundId, UserId},
    service::{Running, ServiceContext},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use testkit::{Answer, Client, SERVICE_TOKEN_SECRET, TestDatabase, TokenIssuer};
use tokio::sync::Notify;

/// A provider that can be silenced.
#[derive(Default)]
struct Played {
    silent: AtomicBool,
    /// Authorisations stop until they are released.
    gated: AtomicBool,
    released: Notify,
    begun: Notify,
    /// How often it was asked for its decision.
    finds: AtomicU32,
    authorised: Mutex<HashMap<PaymentId, i64>>,
    captured: Mutex<HashMap<PaymentId, i64>>,
}

impl Played {
    async fn speak(&self) {
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl PaymentProvider for Played {
    fn knows(&self, _: &str) -> bool {
        true
    }

    fn answers(&self) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            match self.silent.load(Ordering::SeqCst) {
                true => Err(ProviderError("silent".to_owned())),
                false => Ok(()),
            }
        })
    }

    fn authorise(&self, payment: PaymentId, amount: i64, _: String) -> ProviderReply<'_, ProviderDecision> {
        Box::pin(async move {
            self.speak().await;
            self.authorised.lock().unwrap().insert(payment, amount);
            self.begun.notify_one();
            if self.gated.load(Ordering::SeqCst) {
                self.released.notified().await;
            }
            Ok(ProviderDecision::Authorised)
        })
    }

    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>> {
        Box::pin(async move {
            self.speak().await;
            self.finds.fetch_add(1, Ordering::SeqCst);
            Ok(self.authorised.lock().unwrap().get(&payment).map(|_| ProviderDecision::Authorised))
        })
    }

    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            self.speak().await;
            self.captured.lock().unwrap().insert(payment, amount);
            Ok(())
        })
    }

    fn void(&self, _: PaymentId, _: i64) -> ProviderReply<'_, ()> {
        Box::pin(async { Err(ProviderError("nothing is voided here".to_owned())) })
    }

    fn refund(&self, _: PaymentId, _: RefundId, _: i64) -> ProviderReply<'_, ()> {
        Box::pin(async { Err(ProviderError("nothing is refunded here".to_owned())) })
    }
}

/// A service with a flight on sale.
struct PaymentFixture {
    played: Arc<Played>,
    sales: InstanceSales,
    running: Running,
    bus: Bus,
    client: Client,
    flight: FlightState,
    database: TestDatabase,
}

impl PaymentFixture {
    async fn new(played: Played) -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let (bus, issuer) = (Bus::new(InProcess::new()), TokenIssuer::new());
        let secret = SERVICE_TOKEN_SECRET.to_owned().into();
        let service =
            ServiceConfig::embedded(([127, 0, 0, 1], 0).into(), &database.config("booking"), secret);
        let mut config = Config::embedded(service);
        config.payment_timeout_ms = 500;
        config.payment_sweep_ms = 20;
        // Nothing counts as left before a test says so.
        config.payment_idle_ms = 3_600_000;
        let context = ServiceContext::new(bus.clone(), issuer.keys());
        let played = Arc::new(played);
        let provider: SharedProvider = played.clone();
        let (running, sales) = app::start_with(config, context, |_, _| Ok(provider)).await.unwrap();
        let flight = samples::flight();
        let event = Event::new("flight", EventType::FlightPublished, flight.id, flight.version, &flight);
        bus.publish(Arc::new(event)).await.unwrap();
        let client = Client::new(format!("http://{}", running.address));
        let client = client.with_token(&issuer.token(UserId::new(), &[]));
        Self { played, sales, running, bus, client, flight, database }
    }

    fn body(&self, name: &str) -> Value {
        let passenger = json!({
            "type": "ADT", "given_name": name, "family_name": "Lovelace", "born_on": "1990-05-17",
        });
        json!({
            "segments": [{"flight_id": self.flight.id, "cabin": "economy", "brand": "standard"}],
            "passengers": [passenger], "contact": {"email": "ada@example.org", "phone": null},
            "payment": {"method": "card", "token": "tok_played"},
        })
    }

    async fn buy(&self, name: &str) -> Answer {
        self.client.post("/api/v1/bookings", &self.body(name)).await
    }

    async fn sql(&self, statement: &str) -> usize {
        // Not above: its `load` would hide that of atomics.
        use diesel_async::RunQueryDsl;
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        let path = diesel::sql_query("SET search_path = booking");
        RunQueryDsl::execute(path, &mut connection).await.unwrap();
        RunQueryDsl::execute(diesel::sql_query(statement), &mut connection).await.unwrap()
    }

    /// Whether so many payments are confirmed, and none is left to be captured.
    async fn is_captured(&self, count: usize) -> bool {
        self.sql("SELECT FROM payments WHERE state = 1").await == count
            && self.sql("SELECT FROM unsettled_payments").await == 0
    }

    /// Waits until all payments are captured, in the books of both; those that were left count as left
    /// long ago. (As do those that are just carried out: a sweep may still be at one of them afterwards.)
    async fn all_captured(&self, count: usize) {
        eventually("the capture", async || {
            self.sql("UPDATE unsettled_payments SET attempted_at = now() - interval '2 hours'").await;
            self.is_captured(count).await
        })
        .await;
        assert_eq!(self.played.captured.lock().unwrap().len(), count);
        assert_eq!(self.sql("SELECT FROM payments").await, count);
        assert_eq!(self.sql("SELECT FROM bookings WHERE status = 1").await, count);
    }

    async fn stop(self) {
        self.running.stop().await;
        self.bus.close().await;
    }
}

async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come"));
}

#[actix_web::test]
async fn a_desk_that_dies_in_mid_payment_is_replaced_and_loses_nothing() {
    let played = Played { gated: true.into(), ..Played::default() };
    let fixture = PaymentFixture::new(played).await;
    let (client, body) = (fixture.client.clone(), fixture.body("Ada"));
    let buying = actix::spawn(async move { client.post("/api/v1/bookings", &body).await });
    fixture.played.begun.notified().await;
    fixture.sales.deps.desk.kill();
    fixture.played.gated.store(false, Ordering::SeqCst);
    fixture.played.released.notify_one();
    let bought = buying.await.unwrap();
    assert!(matches!(bought.status.as_u16(), 201 | 504), "{}", bought.status);
    // The next one finds the new desk, or is settled by it.
    let next = fixture.buy("Grace").await;
    assert!(matches!(next.status.as_u16(), 201 | 504), "{}", next.status);
    fixture.all_captured(2).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn while_the_provider_is_silent_payments_are_refused_at_once() {
    let fixture = PaymentFixture::new(Played { silent: true.into(), ..Played::default() }).await;
    let names = ["Ada", "Grace", "Edith", "Joan", "Mary"];
    for name in names {
        fixture.buy(name).await.expect_problem(504, "upstream_timeout");
    }
    // From the suspicion to the certainty the provider is asked once.
    eventually("the open circuit", async || fixture.sales.deps.desk.admit().is_err()).await;
    let refused = fixture.buy("Barbara").await;
    refused.expect_problem(503, "upstream_unavailable");
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(fixture.sql("SELECT FROM bookings").await, names.len(), "nothing is kept of what was refused");
    // Unsettled payments are not worn out meanwhile.
    fixture.played.silent.store(false, Ordering::SeqCst);
    eventually("the closed circuit", async || fixture.sales.deps.desk.admit().is_ok()).await;
    fixture.buy("Barbara").await.expect(201);
    fixture.all_captured(names.len() + 1).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn only_so_many_payments_are_in_hand() {
    let fixture = PaymentFixture::new(Played::default()).await;
    let mut admissions = Vec::new();
    while let Ok(admission) = fixture.sales.deps.desk.admit() {
        admissions.push(admission);
    }
    assert_eq!(admissions.len(), 2048);
    fixture.buy("Ada").await.expect_problem(503, "overloaded");
    admissions.clear();
    fixture.buy("Ada").await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn settlements_are_stored_after_their_writer_died() {
    let fixture = PaymentFixture::new(Played::default()).await;
    fixture.buy("Ada").await.expect(201);
    fixture.sales.deps.desk.kill_settlement_writer().await;
    fixture.buy("Grace").await.expect(201);
    fixture.all_captured(2).await;
    fixture.stop().await;
}

/// Leaves a payment as a process does that dies between the capture and the settlement.
const NOT_NOTED: &str = "INSERT INTO unsettled_payments SELECT id, now(), 0 FROM payments";
const REFUND: &str = "INSERT INTO refunds SELECT gen_random_uuid(), booking_id, id, 1, 'a test', false, now(), now() - interval '1 minute' FROM payments";

#[actix_web::test]
async fn a_crash_between_the_capture_and_the_settlement_is_resumed() {
    let fixture = PaymentFixture::new(Played::default()).await;
    fixture.buy("Ada").await.expect(201);
    eventually("the capture", async || fixture.is_captured(1).await).await;
    fixture.played.captured.lock().unwrap().clear();
    fixture.sql(NOT_NOTED).await;
    // The capture is repeated, which has no further effect.
    fixture.all_captured(1).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn a_repeated_settlement_has_no_effect() {
    let fixture = PaymentFixture::new(Played::default()).await;
    for name in ["Ada", "Grace"] {
        fixture.buy(name).await.expect(201);
    }
    fixture.all_captured(2).await;
    fixture.sales.deps.desk.finish().await;
    fixture.sql(NOT_NOTED).await;
    let connection = shared::db::Pool::new(&fixture.database.config("booking")).get().await.unwrap();
    let taken = unsettled_payments::take(&connection, TimeDelta::milliseconds(-1), 1).await.unwrap();
    for _ in 0..2 {
        unsettled_payments::mark_settled(&connection, vec![taken[0].id.0]).await.unwrap();
        assert_eq!(fixture.sql("SELECT FROM unsettled_payments").await, 1, "the other one waits");
    }
    drop(connection);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_refund_waits_for_the_capture() {
    let fixture = PaymentFixture::new(Played::default()).await;
    fixture.buy("Ada").await.expect(201);
    fixture.all_captured(1).await;
    fixture.sales.deps.desk.finish().await;
    for statement in [NOT_NOTED, REFUND] {
        fixture.sql(statement).await;
    }
    let connection = shared::db::Pool::new(&fixture.database.config("booking")).get().await.unwrap();
    let refunds = async || refunds::take_unsettled(&connection, TimeDelta::zero(), 10).await.unwrap().len();
    assert_eq!(refunds().await, 0);
    fixture.sql("DELETE FROM unsettled_payments").await;
    assert_eq!(refunds().await, 1);
    // Money that was never captured is not refunded.
    fixture.sql("UPDATE refunds SET attempted_at = '-infinity', attempts = 0").await;
    fixture.sql("UPDATE payments SET state = 4").await;
    assert_eq!(refunds().await, 0);
    drop(connection);
    fixture.stop().await;
}

#[actix_web::test]
async fn the_pauses_between_attempts_grow() {
    let fixture = PaymentFixture::new(Played::default()).await;
    fixture.buy("Ada").await.expect(201);
    fixture.all_captured(1).await;
    // From here on only this test resumes payments.
    fixture.sales.deps.desk.finish().await;
    fixture.sql(REFUND).await;
    let connection = shared::db::Pool::new(&fixture.database.config("booking")).get().await.unwrap();
    // After the fourth attempt a quarter of a minute passes, after the fifth half a minute, and never
    // more than ten minutes.
    for (attempts, seconds, due) in [(0, 1, 1), (4, 20, 1), (5, 20, 0), (1000, 590, 0), (1000, 610, 1)] {
        let left = format!("SET attempts = {attempts}, attempted_at = now() - interval '{seconds} seconds'");
        fixture.sql(&format!("UPDATE refunds {left}")).await;
        let refunds = refunds::take_unsettled(&connection, TimeDelta::zero(), 10).await.unwrap();
        fixture.sql(NOT_NOTED).await;
        fixture.sql(&format!("UPDATE unsettled_payments {left}")).await;
        let payments = unsettled_payments::take(&connection, TimeDelta::zero(), 10).await.unwrap();
        assert_eq!((payments.len(), refunds.len()), (due, due), "{attempts}, {seconds} s");
        fixture.sql("DELETE FROM unsettled_payments").await;
    }
    let count = async || unsettled_counts::count(&connection, &[60.0, 3600.0]).await.unwrap();
    let refund = UnsettledCounts { payments: Vec::new(), refunds: vec![(0, 1)] };
    assert_eq!(count().await, refund);
    fixture.sql(NOT_NOTED).await;
    fixture.sql("UPDATE payments SET created_at = now() - interval '2 hours'").await;
    let payments = vec![(PaymentState::Confirmed, 2, 1)];
    assert_eq!(count().await, UnsettledCounts { payments, ..refund });
    fixture.sql("DELETE FROM unsettled_payments").await;
    fixture.sql("UPDATE refunds SET settled = true").await;
    assert!(count().await.is_empty());
    drop(connection);
    fixture.stop().await;
}

#[actix_web::test]
async fn the_sandbox_decides_once_and_not_after_a_void() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let config = database.config("booking");
    let sandbox = Sandbox::start(config.clone(), shared::db::Pool::new(&config));
    let authorise = async |payment: PaymentId, token: &str| {
        sandbox.authorise(payment, 100, token.to_owned()).await.unwrap()
    };
    let payment = PaymentId::new();
    assert_eq!(sandbox.find(payment).await.unwrap(), None);
    assert_eq!(authorise(payment, "tok_visa").await, ProviderDecision::Authorised);
    assert_eq!(
        authorise(payment, "tok_declined").await,
        ProviderDecision::Authorised,
        "the first answer counts"
    );
    assert_eq!(sandbox.find(payment).await.unwrap(), Some(ProviderDecision::Authorised));
    let given_up = PaymentId::new();
    for _ in 0..2 {
        sandbox.void(given_up, 100).await.unwrap();
    }
    assert_eq!(authorise(given_up, "tok_visa").await, ProviderDecision::Declined);
    assert_eq!(sandbox.find(given_up).await.unwrap(), Some(ProviderDecision::Declined));
}

#[actix_web::test]
async fn the_sandbox_writes_on_when_its_connection_has_died() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let config = database.config("booking");
    let sandbox = Sandbox::start(config.clone(), shared::db::Pool::new(&config));
    let (first, second) = (PaymentId::new(), PaymentId::new());
    let token = || "tok_visa".to_owned();
    assert_eq!(sandbox.authorise(first, 100, token()).await.unwrap(), ProviderDecision::Authorised);
    let mut connection = AsyncPgConnection::establish(&database.superuser_url()).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let ended = diesel_async::RunQueryDsl::execute(diesel::sql_query(end), &mut connection).await.unwrap();
    assert_eq!(ended, 1, "the log's connection");
    assert_eq!(sandbox.authorise(second, 100, token()).await.unwrap(), ProviderDecision::Authorised);
    for payment in [first, second] {
        assert_eq!(sandbox.find(payment).await.unwrap(), Some(ProviderDecision::Authorised));
    }
}
