//! A process dies at a named point; another takes over, and the client gets what it was owed, once.

use crate::{
    database,
    flights::{booking, cancel_flight, payment, put_on_sale},
    instance::{InstanceProcess, Settings},
    keys::Keys,
    probe::AvailabilityProbe,
    requests::{Lost, ServiceAnswer, UserClient},
};
use awc::http::Method;
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    db::DatabaseConfig,
    ids::{FlightId, UserId},
};
use std::time::{Duration, Instant};
use testkit::TestDatabase;

/// How long anything may take until a test fails. Nothing does when all is well.
const SETTLEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Milliseconds to what does not come while a test runs.
const LATER: u32 = 3_600_000;
/// How long another's death may keep anybody waiting.
const BLOCKED: Duration = Duration::from_secs(2);

/// What the client does when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientAction {
    /// Books, paid in one call.
    Book,
    /// Pays a hold with this token.
    Pay(&'static str),
    /// Cancels a booking that was paid.
    Cancel,
    /// Moves a hold to other seats.
    Move,
    /// Asks what cancelling a booking that was paid would give back.
    Quote,
    /// Nothing: its hold has ended.
    Wait,
    /// Nothing: the airline has cancelled the flight of its booking, which was paid.
    BeGrounded,
}

/// A service of two processes, one of which dies.
struct KillPointFixture {
    database: DatabaseConfig,
    settings: Settings,
    keys: Keys,
    flight: FlightId,
    /// Lives on all the time.
    survivor: InstanceProcess,
    _owned: TestDatabase,
}

/// What the client asks again and again until it has its answer.
struct RepeatedRequest {
    method: Method,
    path: String,
    key: Option<String>,
    body: Value,
}

impl KillPointFixture {
    async fn new() -> Self {
        let owned = TestDatabase::of("booking", booking::MIGRATIONS).await;
        let (database, keys) = (owned.config("booking"), Keys::serve());
        // No unfinished payment is resumed before the test asks for it, see `until_all_is_settled`; and by the survivor never,
        // so that it is seen what the process that died had done.
        let settings = Settings::new(&database, &keys)
            .with("BOOKING_PAYMENT_IDLE_MS", &600_000)
            .with("BOOKING_PAYMENT_SWEEP_MS", &LATER)
            .with("BOOKING_REAP_MS", &LATER)
            .with("BOOKING_DISRUPTION_SWEEP_MS", &LATER);
        let flight = put_on_sale(&database).await;
        let survivor = InstanceProcess::start(&settings).await;
        Self { database, settings, keys, flight, survivor, _owned: owned }
    }

    /// Lets what was left count as left long ago.
    async fn age(&self) {
        for table in ["unsettled_payments", "refunds"] {
            let statement =
                format!("UPDATE {table} SET attempted_at = now() - interval '2 hours', attempts = 0");
            database::run(&self.database, &statement).await;
        }
    }

    /// Waits until nothing is under way any more.
    async fn until_all_is_settled(&self) {
        let unsettled = "(SELECT payment_id FROM unsettled_payments UNION ALL SELECT id FROM refunds WHERE NOT settled) u";
        let deadline = Instant::now() + SETTLEMENT_TIMEOUT;
        while database::count(&self.database, unsettled).await > 0 {
            assert!(Instant::now() < deadline, "money stays unsettled");
            self.age().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the database and the provider have of a user in the midst of things, in one line: the booking's
    /// statuses, its rows of `seats`, whether a cancellation was quoted, and what the provider has done.
    async fn of(&self, owner: UserId) -> String {
        let booking = format!("(SELECT id FROM bookings WHERE owner_id = '{owner}')");
        let seats = format!(
            "SELECT seat / 32 || chr(65 + seat % 32) AS line FROM seats WHERE booking_id IN {booking}"
        );
        let quoted =
            format!("SELECT 'quoted' AS line FROM cancellation_quotes WHERE booking_id IN {booking}");
        let provider = format!(
            "SELECT CASE WHEN o.accepted THEN (ARRAY['authorised', 'captured', 'voided', 'refunded'])[o.operation + 1] ELSE 'declined' END AS line \
             FROM sandbox_operations o JOIN payments p ON p.id = o.payment_id WHERE p.booking_id IN {booking} ORDER BY o.operation"
        );
        let mut words = self.statuses(owner).await;
        for query in [seats, quoted, provider] {
            words.extend(database::lines(&self.database, &query).await);
        }
        words.join(" ")
    }

    /// The statuses of a user's bookings, `held/processing`.
    async fn statuses(&self, owner: UserId) -> Vec<String> {
        let query = format!(
            "SELECT (ARRAY['held', 'confirmed', 'cancelled', 'expired'])[status + 1] || '/' || \
             (ARRAY['awaiting', 'processing', 'paid', 'partly_refunded', 'refunded'])[payment_status + 1] AS line \
             FROM bookings WHERE owner_id = '{owner}' ORDER BY id"
        );
        database::lines(&self.database, &query).await
    }

    /// What the provider was asked to do with a user's money: `1 11345` is a capture of 113.45.
    async fn operations(&self, owner: UserId) -> Vec<String> {
        let query = format!(
            "SELECT o.operation || ' ' || o.amount AS line FROM sandbox_operations o \
             JOIN payments p ON p.id = o.payment_id JOIN bookings b ON b.id = p.booking_id \
             WHERE b.owner_id = '{owner}' AND o.accepted AND o.operation > 0 ORDER BY o.operation"
        );
        database::lines(&self.database, &query).await
    }

    /// What the client has before the process that dies is there: a booking, or nothing.
    async fn prepare(
        &self,
        action: ClientAction,
        flight: FlightId,
        client: &UserClient,
        number: usize,
    ) -> Option<Value> {
        let token = match action {
            ClientAction::Book => return None,
            ClientAction::Cancel | ClientAction::Quote | ClientAction::BeGrounded => Some("tok_visa"),
            ClientAction::Pay(_) | ClientAction::Move | ClientAction::Wait => None,
        };
        let body = booking(flight, number, Some("1A"), token);
        let booked = client.post("/api/v1/bookings", None, &body).await.unwrap();
        assert_eq!(booked.status, 201, "{:?}", booked.json);
        self.until_all_is_settled().await;
        Some(booked.json)
    }

    fn request(
        &self,
        action: ClientAction,
        prepared: Option<&Value>,
        number: usize,
        keyed: bool,
    ) -> Option<RepeatedRequest> {
        let path = prepared.map_or_else(
            || "/api/v1/bookings".to_owned(),
            |booking| format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap()),
        );
        let (method, path, body) = match action {
            ClientAction::Book => {
                (Method::POST, path, booking(self.flight, number, Some("1A"), Some("tok_visa")))
            }
            ClientAction::Pay(token) => (Method::POST, format!("{path}/payments"), payment(token)),
            ClientAction::Cancel => (Method::POST, format!("{path}/cancel"), json!({})),
            ClientAction::Quote => (Method::POST, format!("{path}/cancellation-quote"), json!({})),
            ClientAction::Move => {
                let passenger = &prepared?["passengers"][0]["id"];
                let change = json!({"passenger_id": passenger, "flight_id": self.flight, "designator": "2C"});
                (Method::PATCH, format!("{path}/seats"), json!({"changes": [change]}))
            }
            ClientAction::Wait | ClientAction::BeGrounded => return None,
        };
        Some(RepeatedRequest { method, path, key: keyed.then(|| format!("key-{number}")), body })
    }
}

impl RepeatedRequest {
    async fn send(&self, client: &UserClient) -> Result<ServiceAnswer, Lost> {
        client.send(self.method.clone(), &self.path, self.key.as_deref(), Some(&self.body)).await
    }
}

/// Kills processes at points while a client does something, each once with a key and once without. With
/// each point stands what the database and the provider then have of the client's booking: those of a pair
/// differ, so that one cannot be taken for the other.
async fn dies(points: &[(&str, ClientAction, &str)]) {
    let fixture = KillPointFixture::new().await;
    let runs = points.iter().flat_map(|point| [(*point, true), (*point, false)]);
    // Some have no keys.
    let keyless = |action: ClientAction| {
        matches!(action, ClientAction::Move | ClientAction::Wait | ClientAction::BeGrounded)
    };
    let runs = runs.filter(|((_, action, _), keyed)| !keyed || !keyless(*action));
    for (number, (point, keyed)) in runs.enumerate() {
        dies_once(&fixture, point, number, keyed).await;
    }
    fixture.keys.stop().await;
}

async fn dies_once(
    fixture: &KillPointFixture,
    (point, action, at_death): (&str, ClientAction, &str),
    number: usize,
    keyed: bool,
) {
    let owner = UserId::new();
    let survivors =
        UserClient::new(fixture.survivor.address, &fixture.keys.token(owner, &[Permission::SystemCheck]));
    let flight = if action == ClientAction::BeGrounded {
        put_on_sale(&fixture.database).await
    } else {
        fixture.flight
    };
    let prepared = fixture.prepare(action, flight, &survivors, number).await;
    let probe_token = fixture.keys.token(UserId::new(), &[]);
    let probe =
        AvailabilityProbe::start(UserClient::new(fixture.survivor.address, &probe_token), fixture.flight);

    let looking = ["BOOKING_PAYMENT_SWEEP_MS", "BOOKING_REAP_MS", "BOOKING_DISRUPTION_SWEEP_MS"];
    let looking =
        looking.into_iter().fold(fixture.settings.clone(), |settings, name| settings.with(name, &20));
    let mut armed = InstanceProcess::spawn(&looking.clone().with("AEROBUS_KILL_POINT", &point));
    let request = fixture.request(action, prepared.as_ref(), number, keyed);
    let mut answered = None;
    match &request {
        Some(request) => {
            armed.ready().await;
            answered = request.send(&survivors.at(armed.address)).await.ok();
        }
        None if action == ClientAction::BeGrounded => cancel_flight(&fixture.database, flight).await,
        None => {
            let end = "UPDATE bookings SET hold_expires_at = now() - interval '1 minute' WHERE status = 0 AND owner_id = ";
            database::run(&fixture.database, &format!("{end}'{owner}'")).await;
        }
    }
    armed.has_died().await;
    assert_eq!(fixture.of(owner).await, at_death, "what there is at the death, {point}");

    let next = InstanceProcess::start(&looking).await;
    let clients = [survivors.at(next.address), survivors.clone()];
    let ended = finish(fixture, action, request.as_ref(), &clients).await;
    if let Some(answered) = answered {
        assert!(["after_", "before_capture"].iter().any(|name| point.starts_with(name)), "an early answer");
        assert_eq!(answered.id(), ended["id"], "the answer before the death stays true");
    }
    fixture.until_all_is_settled().await;
    let seen = probe.stop().await;
    println!(
        "{point:22} key: {keyed:5}  at death: {at_death:44} in the end: {}/{:10}  survivor: {:4} commits, longest wait {:?}",
        ended["status"].as_str().unwrap(),
        ended["payment_status"].as_str().unwrap(),
        seen.successes,
        seen.longest
    );
    assert!(seen.longest < BLOCKED, "the survivor was blocked for {:?}", seen.longest);
    check(fixture, action, owner, &ended).await;
    let report = survivors.post("/api/v1/admin/invariants/check", None, &json!({})).await.unwrap();
    assert_eq!((report.status, &report.json["violations"]), (200, &json!([])), "{:?}", report.json);
    // Its seat is the next client's.
    if ended["status"] == "held" || ended["status"] == "confirmed" {
        let cancel = format!("/api/v1/bookings/{}/cancel", ended["id"].as_str().unwrap());
        assert_eq!(survivors.post(&cancel, None, &json!({})).await.unwrap().status, 200);
        fixture.until_all_is_settled().await;
    }
}

/// What a client does after the death: with a key it repeats its request, without one it looks first.
/// Gives its booking as it is in the end.
async fn finish(
    fixture: &KillPointFixture,
    action: ClientAction,
    request: Option<&RepeatedRequest>,
    clients: &[UserClient],
) -> Value {
    let deadline = Instant::now() + SETTLEMENT_TIMEOUT;
    for client in clients.iter().cycle() {
        assert!(Instant::now() < deadline, "the client does not come to its end");
        // What is under way is left by a process that is dead.
        fixture.age().await;
        let list = client.get("/api/v1/bookings").await.unwrap();
        assert_eq!(list.status, 200, "{:?}", list.json);
        let mine = list.json["data"].as_array().unwrap().clone();
        assert!(mine.len() <= 1, "two bookings: {mine:?}");
        if let Some(request) = request
            && let Some(key) = &request.key
        {
            let answer = request.send(client).await.unwrap();
            let in_progress = (409, "idempotency_in_progress");
            if (answer.status, answer.code()) == in_progress || answer.status == 503 {
                continue;
            }
            let again = request.send(client).await.unwrap();
            assert!(again.replayed, "{key} is answered from what was stored");
            assert_eq!(
                (answer.status, shown(&answer)["id"].clone()),
                (again.status, shown(&again)["id"].clone())
            );
            if action == ClientAction::Quote {
                assert_eq!((answer.status, &answer.json), (200, &again.json), "the same quote");
                return mine[0].clone();
            }
            let expected = match action {
                ClientAction::Book => 201,
                ClientAction::Pay("tok_declined") => 402,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{:?}", answer.json);
            if let Some(mine) = mine.first() {
                assert_eq!(shown(&answer)["id"], mine["id"], "the same booking");
            }
            let path = format!("/api/v1/bookings/{}", shown(&answer)["id"].as_str().unwrap());
            return client.get(&path).await.unwrap().json;
        }
        if action == ClientAction::Quote
            && let Some(request) = request
        {
            // Asked again, another quote is as good.
            let answer = request.send(client).await.unwrap();
            assert_eq!(answer.status, 200, "{:?}", answer.json);
            return mine[0].clone();
        }
        if mine.first().is_some_and(|mine| is_done(action, mine)) {
            return mine[0].clone();
        }
        let settled = mine.first().is_none_or(|mine| mine["payment_status"] != "processing");
        if let Some(request) = request.filter(|_| settled) {
            let answer = request.send(client).await.unwrap();
            assert!([200, 201, 402, 409, 503].contains(&answer.status), "{:?}", answer.json);
        }
    }
    unreachable!("there are clients")
}

/// The booking that an answer shows; of a decline, too.
fn shown(answer: &ServiceAnswer) -> &Value {
    if answer.json["booking"].is_object() { &answer.json["booking"] } else { &answer.json }
}

/// Whether a booking is as the client wants it.
fn is_done(action: ClientAction, booking: &Value) -> bool {
    let wanted = match action {
        ClientAction::Book | ClientAction::Pay("tok_visa") => return booking["payment_status"] == "paid",
        ClientAction::Pay(_) => {
            let payments = booking["payments"].as_array().unwrap();
            return payments.iter().any(|payment| payment["status"] == "declined");
        }
        ClientAction::Move => return booking["passengers"][0]["seats"][0]["designator"] == "2C",
        ClientAction::Quote => "confirmed",
        ClientAction::Cancel | ClientAction::BeGrounded => "cancelled",
        ClientAction::Wait => "expired",
    };
    booking["status"] == wanted
}

/// Checks what the database and the provider have of the client in the end.
async fn check(fixture: &KillPointFixture, action: ClientAction, owner: UserId, ended: &Value) {
    let total = ended["price"]["total"]["amount"].as_str().unwrap().replace('.', "");
    let (status, operations) = match action {
        ClientAction::Book | ClientAction::Pay("tok_visa") | ClientAction::Quote => {
            ("confirmed/paid", vec![format!("1 {total}")])
        }
        ClientAction::Pay(_) | ClientAction::Move => ("held/awaiting", vec![]),
        ClientAction::Cancel | ClientAction::BeGrounded => {
            ("cancelled/refunded", vec![format!("1 {total}"), format!("3 {total}")])
        }
        ClientAction::Wait => ("expired/awaiting", vec![]),
    };
    assert_eq!(fixture.statuses(owner).await, [status], "one booking");
    assert_eq!(fixture.operations(owner).await, operations, "each card is charged, or refunded, once");
    let has_seat = status.starts_with("held") || status.starts_with("confirmed");
    let id = ended["id"].as_str().unwrap();
    let seats = format!("SELECT seat || ' ' || sold AS line FROM seats WHERE booking_id = '{id}'");
    let seat = if action == ClientAction::Move { 2 * 32 + 2 } else { 32 };
    let expected: Vec<String> =
        has_seat.then(|| format!("{seat} {}", status == "confirmed/paid")).into_iter().collect();
    assert_eq!(database::lines(&fixture.database, &seats).await, expected, "its seat is its own");
}

#[actix_web::test]
async fn around_the_commit_of_a_claim() {
    let points = [
        ("before_claim_commit", ClientAction::Book, ""),
        ("after_claim_commit", ClientAction::Book, "held/processing 1A"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_authorisation() {
    let points = [
        ("before_authorise", ClientAction::Book, "held/processing 1A"),
        ("after_authorise", ClientAction::Book, "held/processing 1A authorised"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_confirmation() {
    let points = [
        ("before_confirm_commit", ClientAction::Book, "held/processing 1A authorised"),
        ("after_confirm_commit", ClientAction::Book, "confirmed/paid 1A authorised"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_capture() {
    let points = [
        ("before_capture", ClientAction::Book, "confirmed/paid 1A authorised"),
        ("after_capture", ClientAction::Book, "confirmed/paid 1A authorised captured"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_payment_of_a_hold() {
    let pay = ClientAction::Pay("tok_visa");
    dies(&[
        ("before_payment_commit", pay, "held/awaiting 1A"),
        ("after_payment_commit", pay, "held/processing 1A"),
    ])
    .await;
}

#[actix_web::test]
async fn around_the_commit_of_a_decline() {
    let pay = ClientAction::Pay("tok_declined");
    dies(&[
        ("before_decline_commit", pay, "held/processing 1A declined"),
        ("after_decline_commit", pay, "held/awaiting 1A declined"),
    ])
    .await;
}

#[actix_web::test]
async fn around_the_commit_of_a_cancellation_and_after_its_refund() {
    let points = [
        ("before_cancel_commit", ClientAction::Cancel, "confirmed/paid 1A authorised captured"),
        ("after_cancel_commit", ClientAction::Cancel, "cancelled/refunded authorised captured"),
        ("after_refund", ClientAction::Cancel, "cancelled/refunded authorised captured refunded"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_quote() {
    let points = [
        ("before_quote_commit", ClientAction::Quote, "confirmed/paid 1A authorised captured"),
        ("after_quote_commit", ClientAction::Quote, "confirmed/paid 1A quoted authorised captured"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_change_of_seats() {
    let points = [
        ("before_change_commit", ClientAction::Move, "held/awaiting 1A"),
        ("after_change_commit", ClientAction::Move, "held/awaiting 2C"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_an_expiry() {
    let points = [
        ("before_expire_commit", ClientAction::Wait, "held/awaiting 1A"),
        ("after_expire_commit", ClientAction::Wait, "expired/awaiting"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_that_follows_a_cancelled_flight() {
    let points = [
        ("before_airline_commit", ClientAction::BeGrounded, "confirmed/paid 1A authorised captured"),
        ("after_airline_commit", ClientAction::BeGrounded, "cancelled/refunded authorised captured"),
    ];
    dies(&points).await;
}
