//! A process dies at a named point; another takes over, and the client gets what it was owed, once.

use crate::{
    database,
    flights::{booking, payment, put_on_sale},
    instance::{Instance, Settings},
    keys::Keys,
    probe::Probe,
    requests::{Answer, Client, Lost},
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
const PATIENCE: Duration = Duration::from_secs(30);
/// How long another's death may keep anybody waiting.
const BLOCKED: Duration = Duration::from_secs(2);

/// What the client does when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Books, paid in one call.
    Book,
    /// Pays a hold with this token.
    Pay(&'static str),
    /// Cancels a booking that was paid.
    Cancel,
    /// Moves a hold to other seats.
    Move,
    /// Nothing: its hold has ended.
    Wait,
}

/// A service of two processes, one of which dies.
struct World {
    database: DatabaseConfig,
    settings: Settings,
    keys: Keys,
    flight: FlightId,
    /// Lives on all the time.
    survivor: Instance,
    _owned: TestDatabase,
}

/// What the client asks again and again until it has its answer.
struct Request {
    method: Method,
    path: String,
    key: Option<String>,
    body: Value,
}

impl World {
    async fn new() -> Self {
        let owned = TestDatabase::of("booking", booking::MIGRATIONS).await;
        let (database, keys) = (owned.config("booking"), Keys::serve());
        // Nothing that was left is taken up before the test says so; see `settle`.
        let settings = Settings::new(&database, &keys)
            .with("BOOKING_PAYMENT_IDLE_MS", &600_000)
            .with("BOOKING_PAYMENT_SWEEP_MS", &50)
            .with("BOOKING_REAP_MS", &3_600_000);
        let flight = put_on_sale(&database).await;
        let survivor = Instance::start(&settings).await;
        Self { database, settings, keys, flight, survivor, _owned: owned }
    }

    /// Lets what was left count as left long ago.
    async fn age(&self) {
        for table in ["payments", "refunds"] {
            let statement =
                format!("UPDATE {table} SET attempted_at = now() - interval '2 hours', attempts = 0");
            database::run(&self.database, &statement).await;
        }
    }

    /// Waits until nothing is under way any more.
    async fn settle(&self) {
        let unsettled = "(SELECT id FROM payments WHERE state IN (0, 1, 4) UNION ALL SELECT id FROM refunds WHERE NOT settled) u";
        let deadline = Instant::now() + PATIENCE;
        while database::count(&self.database, unsettled).await > 0 {
            assert!(Instant::now() < deadline, "money stays unsettled");
            self.age().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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
    async fn prepare(&self, action: Action, client: &Client, number: usize) -> Option<Value> {
        let token = match action {
            Action::Book => return None,
            Action::Cancel => Some("tok_visa"),
            Action::Pay(_) | Action::Move | Action::Wait => None,
        };
        let body = booking(self.flight, number, Some("1A"), token);
        let booked = client.post("/api/v1/bookings", None, &body).await.unwrap();
        assert_eq!(booked.status, 201, "{:?}", booked.json);
        self.settle().await;
        Some(booked.json)
    }

    fn request(
        &self,
        action: Action,
        prepared: Option<&Value>,
        number: usize,
        keyed: bool,
    ) -> Option<Request> {
        let path = prepared.map_or_else(
            || "/api/v1/bookings".to_owned(),
            |booking| format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap()),
        );
        let (method, path, body) = match action {
            Action::Book => (Method::POST, path, booking(self.flight, number, Some("1A"), Some("tok_visa"))),
            Action::Pay(token) => (Method::POST, format!("{path}/payments"), payment(token)),
            Action::Cancel => (Method::POST, format!("{path}/cancel"), json!({})),
            Action::Move => {
                let passenger = &prepared?["passengers"][0]["id"];
                let change = json!({"passenger_id": passenger, "flight_id": self.flight, "designator": "2C"});
                (Method::PATCH, format!("{path}/seats"), json!({"changes": [change]}))
            }
            Action::Wait => return None,
        };
        Some(Request { method, path, key: keyed.then(|| format!("key-{number}")), body })
    }
}

impl Request {
    async fn send(&self, client: &Client) -> Result<Answer, Lost> {
        client.send(self.method.clone(), &self.path, self.key.as_deref(), Some(&self.body)).await
    }
}

/// Kills processes at points while a client does something, each once with a key and once without. With
/// each point stands what the database then has of the client's booking.
async fn dies(points: &[(&str, Action, &str)]) {
    let world = World::new().await;
    let runs = points.iter().flat_map(|point| [(*point, true), (*point, false)]);
    // Some have no keys.
    let runs =
        runs.filter(|((_, action, _), keyed)| !keyed || !matches!(action, Action::Move | Action::Wait));
    for (number, (point, keyed)) in runs.enumerate() {
        dies_once(&world, point, number, keyed).await;
    }
    world.keys.stop().await;
}

async fn dies_once(
    world: &World,
    (point, action, at_death): (&str, Action, &str),
    number: usize,
    keyed: bool,
) {
    let owner = UserId::new();
    let survivors = Client::new(world.survivor.address, &world.keys.token(owner, &[Permission::SystemCheck]));
    let prepared = world.prepare(action, &survivors, number).await;
    let probe_token = world.keys.token(UserId::new(), &[]);
    let probe = Probe::start(Client::new(world.survivor.address, &probe_token), world.flight);

    let mut armed = Instance::spawn(
        &world.settings.clone().with("AEROBUS_KILL_POINT", &point).with("BOOKING_REAP_MS", &20),
    );
    let request = world.request(action, prepared.as_ref(), number, keyed);
    let mut answered = None;
    match &request {
        Some(request) => {
            armed.ready().await;
            answered = request.send(&survivors.at(armed.address)).await.ok();
        }
        None => {
            let end = "UPDATE bookings SET hold_expires_at = now() - interval '1 minute' WHERE status = 0 AND owner_id = ";
            database::run(&world.database, &format!("{end}'{owner}'")).await;
        }
    }
    armed.has_died().await;
    let statuses = world.statuses(owner).await;
    assert_eq!(statuses.first().map_or("nothing", String::as_str), at_death, "in the database at the death");

    let reaping = world.settings.clone().with("BOOKING_REAP_MS", &20);
    let next = Instance::start(&reaping).await;
    let clients = [survivors.at(next.address), survivors.clone()];
    let ended = finish(world, action, request.as_ref(), &clients).await;
    if let Some(answered) = answered {
        assert!(["after_", "before_capture"].iter().any(|name| point.starts_with(name)), "an early answer");
        assert_eq!(answered.id(), ended["id"], "the answer before the death stays true");
    }
    world.settle().await;
    let seen = probe.stop().await;
    println!(
        "{point:22} key: {keyed:5}  at death: {at_death:18} in the end: {}/{:10}  survivor: {:4} commits, longest wait {:?}",
        ended["status"].as_str().unwrap(),
        ended["payment_status"].as_str().unwrap(),
        seen.successes,
        seen.longest
    );
    assert!(seen.longest < BLOCKED, "the survivor was blocked for {:?}", seen.longest);
    check(world, action, owner, &ended).await;
    let report = survivors.post("/api/v1/admin/invariants/check", None, &json!({})).await.unwrap();
    assert_eq!((report.status, &report.json["violations"]), (200, &json!([])), "{:?}", report.json);
    // Its seat is the next client's.
    if ended["status"] == "held" || ended["status"] == "confirmed" {
        let cancel = format!("/api/v1/bookings/{}/cancel", ended["id"].as_str().unwrap());
        assert_eq!(survivors.post(&cancel, None, &json!({})).await.unwrap().status, 200);
        world.settle().await;
    }
}

/// What a client does after the death: with a key it repeats its request, without one it looks first.
/// Gives its booking as it is in the end.
async fn finish(world: &World, action: Action, request: Option<&Request>, clients: &[Client]) -> Value {
    let deadline = Instant::now() + PATIENCE;
    for client in clients.iter().cycle() {
        assert!(Instant::now() < deadline, "the client does not come to its end");
        // What is under way is left by a process that is dead.
        world.age().await;
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
            let expected = match action {
                Action::Book => 201,
                Action::Pay("tok_declined") => 402,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{:?}", answer.json);
            if let Some(mine) = mine.first() {
                assert_eq!(shown(&answer)["id"], mine["id"], "the same booking");
            }
            let path = format!("/api/v1/bookings/{}", shown(&answer)["id"].as_str().unwrap());
            return client.get(&path).await.unwrap().json;
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
fn shown(answer: &Answer) -> &Value {
    if answer.json["booking"].is_object() { &answer.json["booking"] } else { &answer.json }
}

/// Whether a booking is as the client wants it.
fn is_done(action: Action, booking: &Value) -> bool {
    let wanted = match action {
        Action::Book | Action::Pay("tok_visa") => return booking["payment_status"] == "paid",
        Action::Pay(_) => {
            let payments = booking["payments"].as_array().unwrap();
            return payments.iter().any(|payment| payment["status"] == "declined");
        }
        Action::Move => return booking["passengers"][0]["seats"][0]["designator"] == "2C",
        Action::Cancel => "cancelled",
        Action::Wait => "expired",
    };
    booking["status"] == wanted
}

/// Checks what the database and the provider have of the client in the end.
async fn check(world: &World, action: Action, owner: UserId, ended: &Value) {
    let total = ended["price"]["total"]["amount"].as_str().unwrap().replace('.', "");
    let (status, operations) = match action {
        Action::Book | Action::Pay("tok_visa") => ("confirmed/paid", vec![format!("1 {total}")]),
        Action::Pay(_) | Action::Move => ("held/awaiting", vec![]),
        Action::Cancel => ("cancelled/refunded", vec![format!("1 {total}"), format!("3 {total}")]),
        Action::Wait => ("expired/awaiting", vec![]),
    };
    assert_eq!(world.statuses(owner).await, [status], "one booking");
    assert_eq!(world.operations(owner).await, operations, "each card is charged, or refunded, once");
    let has_seat = status.starts_with("held") || status.starts_with("confirmed");
    let id = ended["id"].as_str().unwrap();
    let seats = format!("SELECT seat || ' ' || sold AS line FROM seats WHERE booking_id = '{id}'");
    let seat = if action == Action::Move { 2 * 32 + 2 } else { 32 };
    let expected: Vec<String> =
        has_seat.then(|| format!("{seat} {}", status == "confirmed/paid")).into_iter().collect();
    assert_eq!(database::lines(&world.database, &seats).await, expected, "its seat is its own");
}

#[actix_web::test]
async fn around_the_commit_of_a_claim() {
    let points = [
        ("before_claim_commit", Action::Book, "nothing"),
        ("after_claim_commit", Action::Book, "held/processing"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_authorisation() {
    let points = [
        ("before_authorise", Action::Book, "held/processing"),
        ("after_authorise", Action::Book, "held/processing"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_confirmation() {
    let points = [
        ("before_confirm_commit", Action::Book, "held/processing"),
        ("after_confirm_commit", Action::Book, "confirmed/paid"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_capture() {
    let points = [
        ("before_capture", Action::Book, "confirmed/paid"),
        ("after_capture", Action::Book, "confirmed/paid"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_payment_of_a_hold() {
    let pay = Action::Pay("tok_visa");
    dies(&[
        ("before_payment_commit", pay, "held/awaiting"),
        ("after_payment_commit", pay, "held/processing"),
    ])
    .await;
}

#[actix_web::test]
async fn around_the_commit_of_a_decline() {
    let pay = Action::Pay("tok_declined");
    dies(&[
        ("before_decline_commit", pay, "held/processing"),
        ("after_decline_commit", pay, "held/awaiting"),
    ])
    .await;
}

#[actix_web::test]
async fn around_the_commit_of_a_cancellation_and_after_its_refund() {
    let points = [
        ("before_cancel_commit", Action::Cancel, "confirmed/paid"),
        ("after_cancel_commit", Action::Cancel, "cancelled/refunded"),
        ("after_refund", Action::Cancel, "cancelled/refunded"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_a_change_of_seats() {
    let points = [
        ("before_change_commit", Action::Move, "held/awaiting"),
        ("after_change_commit", Action::Move, "held/awaiting"),
    ];
    dies(&points).await;
}

#[actix_web::test]
async fn around_the_commit_of_an_expiry() {
    let points = [
        ("before_expire_commit", Action::Wait, "held/awaiting"),
        ("after_expire_commit", Action::Wait, "expired/awaiting"),
    ];
    dies(&points).await;
}
