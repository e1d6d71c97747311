//! Instances of the service over one database, flights, and bodies.

use booking::{MIGRATIONS, app, config::Config};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::{Value, json};
use shared::{
    auth::{Permission, ServiceTokens},
    bus::{Bus, in_process::InProcess},
    config::ServiceConfig,
    events::{Event, EventType, FlightState, FlightStatus, SeatsState},
    flight_time::FlightTime,
    ids::{FlightId, UserId},
    service::{Running, ServiceContext},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use testkit::{Client, SERVICE_TOKEN_SECRET, TestDatabase, TokenIssuer};

/// Instances of the service over one database, on one bus.
pub(crate) struct ServiceFixture {
    pub(crate) bus: Bus,
    pub(crate) issuer: TokenIssuer,
    instances: Vec<Running>,
    pub(crate) database: TestDatabase,
}

impl ServiceFixture {
    /// One instance.
    pub(crate) async fn new() -> Self {
        Self::with(1, |_| {}).await
    }

    /// So many instances with changed settings.
    pub(crate) async fn with(instances: usize, change: impl Fn(&mut Config)) -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let mut fixture = Self {
            bus: Bus::new(InProcess::new()),
            issuer: TokenIssuer::new(),
            instances: Vec::new(),
            database,
        };
        for _ in 0..instances {
            fixture.start(&change).await;
        }
        fixture
    }

    /// Starts a further instance.
    pub(crate) async fn start(&mut self, change: impl Fn(&mut Config)) {
        let secret = SERVICE_TOKEN_SECRET.to_owned().into();
        let service =
            ServiceConfig::embedded(([127, 0, 0, 1], 0).into(), &self.database.config("booking"), secret);
        let mut config = Config::embedded(service);
        // More than a small machine would have.
        config.ledger_shards = 2;
        change(&mut config);
        let context = ServiceContext::new(self.bus.clone(), self.issuer.keys());
        self.instances.push(app::start(config, context).await.unwrap());
    }

    /// Stops all instances; the database stays.
    pub(crate) async fn stop_instances(mut self) -> Self {
        for instance in self.instances.drain(..) {
            instance.stop().await;
        }
        self
    }

    /// Stops all instances and drops the database.
    pub(crate) async fn stop(self) {
        for instance in self.instances {
            instance.stop().await;
        }
        self.bus.close().await;
    }

    /// Where an instance listens.
    pub(crate) fn address(&self, instance: usize) -> SocketAddr {
        self.instances[instance].address
    }

    /// A client of an instance without a login.
    pub(crate) fn guest(&self, instance: usize) -> Client {
        Client::new(format!("http://{}", self.instances[instance].address))
    }

    /// A client of an instance as a user with permissions.
    pub(crate) fn user(&self, instance: usize, user: UserId, permissions: &[Permission]) -> Client {
        self.guest(instance).with_token(&self.issuer.token(user, permissions))
    }

    /// A client of the first instance as a new customer.
    pub(crate) fn customer(&self) -> Client {
        self.user(0, UserId::new(), &[])
    }

    /// A client of the first instance as another service.
    pub(crate) fn service(&self) -> Client {
        let tokens = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into());
        self.guest(0).with_header("authorization", &tokens.authorization("flight").unwrap())
    }

    /// Tells of a flight; ready when booking has stored it.
    pub(crate) async fn publish(&self, kind: EventType, state: &FlightState) {
        let event = Event::new("flight", kind, state.id, state.version, state);
        self.bus.publish(Arc::new(event)).await.unwrap();
    }

    /// Tells of seats in the place of an instance; ready when all instances have heard of it.
    pub(crate) async fn announce(&self, seats: &SeatsState) {
        let event = Event::new("booking", EventType::SeatsChanged, seats.flight_id, seats.version, seats);
        self.bus.publish(Arc::new(event)).await.unwrap();
    }

    /// A flight on sale that departs in so many days.
    pub(crate) async fn flight(&self, days: i64) -> FlightState {
        let state = flight(TimeDelta::days(days));
        self.publish(EventType::FlightPublished, &state).await;
        state
    }

    /// Runs a statement behind the service's back; gives the number of rows.
    pub(crate) async fn sql(&self, statement: &str) -> usize {
        diesel::sql_query(statement).execute(&mut self.connection().await).await.unwrap()
    }

    /// Counts behind the service's back.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct CountRow {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let query = format!("SELECT count(*) AS count FROM {query}");
        let count: CountRow =
            diesel::sql_query(query).get_result(&mut self.connection().await).await.unwrap();
        count.count
    }

    /// Locks a table from everybody until the connection that is given back is dropped.
    pub(crate) async fn lock_table(&self, table: &str) -> AsyncPgConnection {
        let mut connection = self.connection().await;
        for statement in ["BEGIN", &format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")] {
            diesel::sql_query(statement).execute(&mut connection).await.unwrap();
        }
        connection
    }

    /// Waits until at least `count` transactions wait for locks.
    pub(crate) async fn are_waiting(&self, count: i64) {
        let waiting = "pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT l.granted AND d.datname = current_database()";
        eventually("transactions that wait", async || self.count(waiting).await >= count).await;
    }

    /// As [`eventually`]; before each check, unsettled payments count as idle for two hours. So a sweep resumes them at
    /// once, and retries an attempt that failed on a busy machine.
    pub(crate) async fn eventually_with_sweeps(&self, what: &str, condition: impl AsyncFn() -> bool) {
        eventually(what, async || {
            self.sql("UPDATE unsettled_payments SET attempted_at = now() - interval '2 hours'").await;
            condition().await
        })
        .await;
    }

    /// Keeps everybody else from reading a table.
    pub(crate) async fn locked(&self, table: &'static str) -> Locked<'_> {
        let mut connection = self.connection().await;
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        connection.batch_execute(&lock).await.unwrap();
        Locked { fixture: self, table, connection }
    }

    /// A connection behind the service's back.
    pub(crate) async fn connection(&self) -> AsyncPgConnection {
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        diesel::sql_query("SET search_path = booking").execute(&mut connection).await.unwrap();
        connection
    }
}

/// Payments that the provider has captured, and voided, as the settlements show.
pub(crate) const CAPTURED: &str =
    "payments p WHERE state = 1 AND NOT EXISTS (SELECT FROM unsettled_payments u WHERE u.payment_id = p.id)";
pub(crate) const VOIDED: &str =
    "payments p WHERE state = 4 AND NOT EXISTS (SELECT FROM unsettled_payments u WHERE u.payment_id = p.id)";

/// A payment as a process leaves it that dies after the first commit, before it asks the provider; `ends`
/// is where the payment has put the end of the hold, from now.
pub(crate) fn left_behind(booking: &str, payment: &str, token: &str, ends: &str) -> String {
    format!(
        "WITH started AS (UPDATE bookings SET payment_status = 1, hold_expires_at = now() + interval '{ends}' WHERE id = '{booking}'),
         queued AS (INSERT INTO unsettled_payments VALUES ('{payment}', now()))
         INSERT INTO payments VALUES ('{payment}', '{booking}', 'card', '{token}', 7488, 0, LEAST(now(), now() + interval '{ends}'), NULL, 200, now())"
    )
}

/// A table that nobody else can read.
pub(crate) struct Locked<'a> {
    fixture: &'a ServiceFixture,
    table: &'static str,
    connection: AsyncPgConnection,
}

impl Locked<'_> {
    /// Waits until so many want to read it.
    pub(crate) async fn waited_for(&self, waiting: i64) {
        let table = self.table;
        let here = "(SELECT oid FROM pg_database WHERE datname = current_database())";
        let locks = format!(
            "pg_locks WHERE NOT granted AND database = {here} AND relation = 'booking.{table}'::regclass"
        );
        eventually("transactions that wait", async || self.fixture.count(&locks).await == waiting).await;
    }

    pub(crate) async fn release(mut self) {
        self.connection.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// Waits until a condition holds, looking again and again; fails after 20 seconds.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come"));
}

fn time(at: DateTime<Utc>, zone: &str) -> FlightTime {
    FlightTime::from_instant(at, zone).unwrap()
}

/// AE101 from London to New York: three rows of business, nine of economy; 60 seats, 59 on sale.
pub(crate) fn flight(ahead: TimeDelta) -> FlightState {
    let departs = DateTime::from_timestamp((Utc::now() + ahead).timestamp() / 60 * 60, 0).unwrap();
    let station = |iata: &str, city: &str, country: &str, zone: &str| {
        json!({
            "iata": iata, "name": format!("{city} airport"), "city": {"code": iata, "name": city},
            "country": country, "time_zone": zone,
        })
    };
    let fares: Vec<Value> = ["economy", "business"]
        .iter()
        .flat_map(|cabin| {
            let amount = if *cabin == "economy" { "106.00" } else { "400.00" };
            ["light", "standard", "flex"].map(|brand| {
                json!({"cabin": cabin, "brand": brand, "base_price": {"amount": amount, "currency": "EUR"}})
            })
        })
        .collect();
    let mut state: FlightState = serde_json::from_value(json!({
        "id": FlightId::new(), "version": 1, "flight_number": "AE101",
        "airline": {"code": "AE", "name": "Aerobus Airlines", "accounting_code": "997"},
        "origin": station("LHR", "London", "GB", "Europe/London"),
        "destination": station("JFK", "New York", "US", "America/New_York"),
        "departure": time(departs, "Europe/London"),
        "arrival": time(departs + TimeDelta::hours(7), "America/New_York"),
        "airplane": "G-AERO", "aircraft_type": {"code": "320", "name": "Airbus A320"},
        "seat_plan": {
            "cabins": [
                {"cabin": "business", "rows": [1, 3], "columns": "A|D"},
                {"cabin": "economy", "rows": [4, 12], "columns": "ABC|DEF"},
            ],
            "exit_rows": [8], "blocked_seats": ["12F"],
        },
        "fares": fares, "status": "scheduled", "reason": null,
    }))
    .unwrap();
    state.status = FlightStatus::Scheduled;
    state
}

/// A passenger of a name made of letters only.
pub(crate) fn passenger(kind: &str, name: &str, seat: Option<&str>) -> Value {
    let born = match kind {
        "ADT" => "1990-05-17".to_owned(),
        "CHD" => (Utc::now() - TimeDelta::days(365 * 6)).date_naive().to_string(),
        _ => (Utc::now() - TimeDelta::days(200)).date_naive().to_string(),
    };
    json!({"type": kind, "given_name": name, "family_name": "Lovelace", "born_on": born, "seats": [seat]})
}

/// A name that is no other's: letters out of a number.
pub(crate) fn name(number: usize) -> String {
    let letters = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect::<String>();
    format!("Ada{letters}")
}

/// The body of a booking in economy, brand standard.
pub(crate) fn booking(flight: FlightId, passengers: &[Value]) -> Value {
    json!({
        "segments": [{"flight_id": flight, "cabin": "economy", "brand": "standard"}],
        "passengers": passengers,
        "contact": {"email": "ada@example.org", "phone": "+33123456789"},
    })
}

/// The same, to be paid with a token.
pub(crate) fn paid(mut body: Value, token: &str) -> Value {
    body["payment"] = json!({"method": "card", "token": token});
    body
}

/// The status of a seat in a seat map.
pub(crate) fn status_of(map: &Value, designator: &str) -> String {
    let cabins = map["cabins"].as_array().unwrap().iter();
    let rows = cabins.flat_map(|cabin| cabin["rows"].as_array().unwrap());
    let mut seats = rows.flat_map(|row| row["seats"].as_array().unwrap());
    let seat = seats.find(|seat| seat["designator"] == designator).unwrap();
    seat["status"].as_str().unwrap().to_owned()
}
