//! What localstripe cannot show: headers, keys, faults, silence. A server of a few answers, and a real
//! PostgreSQL for the intents' ids.

use super::{
    adapter::Stripe,
    settings::{StripeError, StripeSettings},
};
use crate::MIGRATIONS;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use booking_engine::{ports::PaymentProvider, saga::step::ProviderDecision};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use shared::{
    db::Pool,
    ids::{PaymentId, RefundId},
    money::Currency,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use testkit::TestDatabase;

const KEY: &str = "sk_test_not_to_be_told";

/// A request as it came.
#[derive(Debug, Clone)]
struct SeenRequest {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl SeenRequest {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// A server that gives its answers in their order; after the last it keeps silent.
#[derive(Clone, Default)]
struct FakeStripe {
    seen: Arc<Mutex<Vec<SeenRequest>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

impl FakeStripe {
    fn then(self, status: u16, body: Value) -> Self {
        self.answers.lock().unwrap().push_back((status, body));
        self
    }

    async fn answer(request: HttpRequest, body: String, fake: web::Data<Self>) -> HttpResponse {
        let headers = request.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let line = format!("{} {}", request.method(), request.uri());
        fake.seen.lock().unwrap().push(SeenRequest { line, headers, body });
        let answer = fake.answers.lock().unwrap().pop_front();
        let Some((status, body)) = answer else { return std::future::pending().await };
        HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).json(body)
    }

    fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap().clone()
    }
}

/// The adapter before a server, and one payment.
struct StripeFixture {
    fake: FakeStripe,
    stripe: Stripe,
    stripe_url: String,
    payment: PaymentId,
    database: TestDatabase,
    server: actix_web::dev::ServerHandle,
}

impl StripeFixture {
    async fn new(fake: FakeStripe) -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let data = web::Data::new(fake.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).default_service(web::to(FakeStripe::answer))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix::spawn(server);
        let stripe_url = format!("http://{address}/");
        let settings = StripeSettings { base_url: stripe_url.clone(), ..settings() };
        let stripe = Stripe::start(&settings, Pool::new(&database.config("booking"))).unwrap();
        let payment = PaymentId::new();
        let fixture = Self { fake, stripe, stripe_url, payment, database, server: handle };
        let row = format!(
            "INSERT INTO payments VALUES ('{payment}', gen_random_uuid(), 'card', 'pm_x', 7488, 0, now(), NULL, 200, now())"
        );
        fixture.sql(&row).await;
        fixture
    }

    async fn sql(&self, statement: &str) {
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        diesel::sql_query("SET search_path = booking").execute(&mut connection).await.unwrap();
        diesel::sql_query(statement).execute(&mut connection).await.unwrap();
    }

    async fn authorise(&self, token: &str) -> Result<ProviderDecision, String> {
        let asked = self.stripe.authorise(self.payment, 7488, token.to_owned());
        asked.await.map_err(|error| error.to_string())
    }

    async fn stop(self) {
        self.server.stop(false).await;
    }
}

fn settings() -> StripeSettings {
    StripeSettings {
        base_url: "https://api.stripe.com".to_owned(),
        secret_key: KEY.to_owned().into(),
        timeout: Duration::from_millis(300),
        concurrency: 4,
        currency: Currency::EUR,
    }
}

fn intent(status: &str) -> Value {
    json!({"id": "pi_1", "status": status})
}

fn fault(kind: &str) -> Value {
    json!({"error": {"type": kind, "code": "some_code", "message": format!("No such thing: pm_x {KEY}")}})
}

#[actix_web::test]
async fn requests_carry_key_version_and_a_key_of_their_own() {
    let fake = FakeStripe::default()
        .then(200, intent("requires_confirmation"))
        .then(200, intent("requires_capture"));
    let fixture = StripeFixture::new(fake.then(200, intent("succeeded"))).await;
    assert_eq!(fixture.authorise("tok_visa").await, Ok(ProviderDecision::Authorised));
    fixture.stripe.capture(fixture.payment, 7488).await.unwrap();
    let seen = fixture.fake.seen();
    let lines: Vec<&str> = seen.iter().map(|one| one.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "POST /v1/payment_intents",
            "POST /v1/payment_intents/pi_1/confirm",
            "POST /v1/payment_intents/pi_1/capture"
        ]
    );
    for (one, what) in seen.iter().zip(["create", "confirm", "capture"]) {
        assert_eq!(one.header("idempotency-key"), format!("{}-{what}", fixture.payment));
        assert_eq!(one.header("authorization"), format!("Bearer {KEY}"));
        assert_eq!(one.header("stripe-version"), "2024-06-20");
    }
    for part in [
        "amount=7488",
        "currency=eur",
        "capture_method=manual",
        "payment_method_data%5Bcard%5D%5Btoken%5D=tok_visa",
    ] {
        assert!(seen[0].body.contains(part), "{part} in {}", seen[0].body);
    }
    assert!(seen[0].body.contains(&fixture.payment.to_string()), "metadata");
    fixture.stop().await;
}

#[actix_web::test]
async fn faults_leave_everything_open_and_tell_no_secret() {
    let mut fake = FakeStripe::default();
    let faults = [
        (401, "invalid_request_error"),
        (409, "idempotency_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
    ];
    for (status, kind) in faults {
        fake = fake.then(status, fault(kind));
    }
    let fixture = StripeFixture::new(fake).await;
    for _ in faults {
        let error = fixture.authorise("pm_x").await.unwrap_err();
        assert!(!error.contains(KEY) && !error.contains("pm_x"), "{error}");
    }
    // And now it is silent.
    let error = fixture.authorise("pm_x").await.unwrap_err();
    assert!(error.contains("no answer in time"), "{error}");
    assert!(fixture.stripe.answers().await.is_err());
    assert_eq!(fixture.stripe.find(fixture.payment).await.unwrap(), None, "nothing was ever confirmed");
    fixture.stop().await;
}

#[actix_web::test]
async fn refusals_are_declined_and_challenges_cancelled() {
    let declined = StripeFixture::new(FakeStripe::default().then(402, fault("card_error"))).await;
    assert_eq!(declined.authorise("pm_x").await, Ok(ProviderDecision::Declined));
    declined.stop().await;
    let rejected = StripeFixture::new(FakeStripe::default().then(400, fault("invalid_request_error"))).await;
    assert_eq!(rejected.authorise("pm_x").await, Ok(ProviderDecision::Declined), "no such payment method");
    rejected.stop().await;
    let fake =
        FakeStripe::default().then(200, intent("requires_confirmation")).then(200, intent("requires_action"));
    let challenged = StripeFixture::new(fake.then(200, intent("canceled"))).await;
    assert_eq!(challenged.authorise("pm_x").await, Ok(ProviderDecision::Declined));
    let last = challenged.fake.seen().pop().unwrap();
    assert_eq!(last.line, "POST /v1/payment_intents/pi_1/cancel");
    challenged.stop().await;
}

#[actix_web::test]
async fn an_intent_is_not_confirmed_for_a_payment_that_is_decided_meanwhile() {
    let fixture = StripeFixture::new(FakeStripe::default().then(200, intent("requires_confirmation"))).await;
    // As if it were voided while the intent is created.
    fixture.sql("UPDATE payments SET state = 4, token = NULL").await;
    let error = fixture.authorise("pm_x").await.unwrap_err();
    assert!(error.contains("decided meanwhile"), "{error}");
    assert_eq!(fixture.fake.seen().len(), 1, "created, and never confirmed");
    fixture.stripe.void(fixture.payment, 7488).await.unwrap();
    assert_eq!(fixture.fake.seen().len(), 1, "there is nothing to be cancelled");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_refund_that_the_bank_sent_back_is_tried_anew() {
    let refund = RefundId::new();
    let ours = |status: &str| json!({"id": "re_1", "status": status, "metadata": {"refund_id": refund}});
    let fake = FakeStripe::default()
        .then(200, json!({"data": []}))
        .then(200, ours("failed"))
        .then(200, json!({"data": [ours("failed")]}))
        .then(200, ours("pending"))
        .then(200, json!({"data": [ours("failed"), ours("succeeded")]}));
    let fixture = StripeFixture::new(fake).await;
    fixture.sql("UPDATE payments SET state = 1, provider_reference = 'pi_1'").await;
    assert!(fixture.stripe.refund(fixture.payment, refund, 100).await.is_err());
    for _ in 0..2 {
        fixture.stripe.refund(fixture.payment, refund, 100).await.unwrap();
    }
    let keys: Vec<String> =
        fixture.fake.seen().iter().map(|one| one.header("idempotency-key").to_owned()).collect();
    let key = |count| format!("{refund}-refund-{count}");
    assert_eq!(keys, [String::new(), key(0), String::new(), key(1), String::new()]);
    fixture.stop().await;
}

#[actix_web::test]
async fn nothing_is_sent_to_a_server_without_a_trusted_certificate() {
    let fixture = StripeFixture::new(FakeStripe::default().then(200, json!({}))).await;
    let settings = StripeSettings {
        base_url: fixture.stripe_url.replace("http://", "https://"),
        timeout: Duration::from_secs(10),
        ..settings()
    };
    let stripe = Stripe::start(&settings, Pool::new(&fixture.database.config("booking"))).unwrap();
    let error = stripe.answers().await.unwrap_err().to_string();
    assert!(error.contains("no connection"), "{error}");
    assert!(fixture.fake.seen().is_empty());
    fixture.stop().await;
}

#[actix_web::test]
async fn settings_that_cannot_work_fail_at_the_start() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let pool = Pool::new(&database.config("booking"));
    let isk = StripeSettings { currency: "ISK".parse().unwrap(), ..settings() };
    assert!(matches!(Stripe::start(&isk, pool.clone()), Err(StripeError::Currency(_))));
    let nowhere = StripeSettings { base_url: "api.stripe.com".to_owned(), ..settings() };
    assert!(matches!(Stripe::start(&nowhere, pool.clone()), Err(StripeError::BaseUrl)));
    let stripe = Stripe::start(&settings(), pool).unwrap();
    for (token, known) in [("pm_card_visa", true), ("tok_visa", true), ("card_1", false), ("pm_/../x", false)]
    {
        assert_eq!(stripe.knows(token), known, "{token}");
    }
}
