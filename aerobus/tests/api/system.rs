//! The four services of one test, with a database and broker names of their own.

use aerobus::{
    embedded::EmbeddedServices,
    installation::Administrator,
    start_plan::{BrokerAddress, ServicePorts, StartPlan},
};
use chrono::{Days, Utc};
use mailer::config::Destination;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shared::{
    auth::KeySource,
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    service::{Running, ServiceContext},
};
use std::time::Duration;
use testkit::{Answer, Client, SERVICE_TOKEN_SECRET, SmtpSink, TestDatabase};

/// How long anything may take before a test fails. Nothing waits that long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The running services.
pub(crate) struct RunningSystem {
    pub(crate) services: EmbeddedServices,
    pub(crate) plan: StartPlan,
    pub(crate) database: TestDatabase,
    pub(crate) smtp: SmtpSink,
    /// Of the gateway, without a token.
    pub(crate) anybody: Client,
}

impl RunningSystem {
    /// Over the broker that all tests share, with names of its own.
    pub(crate) async fn start() -> Self {
        Self::over(&testkit::amqp_url()).await
    }

    /// Over this broker.
    pub(crate) async fn over(amqp_url: &str) -> Self {
        let broker = BrokerAddress { url: amqp_url.to_owned().into(), prefix: testkit::unique_prefix() };
        Self::with(Some(broker), true).await
    }

    /// Over a broker or the bus in the process, with the mailer or without it.
    pub(crate) async fn with(broker: Option<BrokerAddress>, with_mailer: bool) -> Self {
        let schemas = vec![
            ("booking", booking::MIGRATIONS),
            ("flight", flight::MIGRATIONS),
            ("mailer", mailer::MIGRATIONS),
            ("gateway", gateway::MIGRATIONS),
        ];
        let database = TestDatabase::create(schemas).await;
        let smtp = SmtpSink::start();
        let administrator = Administrator {
            email: "admin@aerobus.example".into(),
            password: SecretString::from("a very good password".to_owned()),
        };
        let plan = StartPlan {
            databases: ["booking", "flight", "mailer", "gateway"].map(|name| database.config(name)).to_vec(),
            broker,
            service_token_secret: SERVICE_TOKEN_SECRET.to_owned().into(),
            signing_key_secret: "the signing secret of the tests, long enough".to_owned().into(),
            administrator,
            with_mailer,
            mail: Destination::Smtp(smtp.url().into()),
            ports: ServicePorts::default(),
            gateway_workers: 1,
            // The least that bcrypt takes: tests are not about its slowness.
            bcrypt_cost: 4,
        };
        let services = EmbeddedServices::start(&plan).await.expect("the services start");
        let anybody = Client::new(format!("http://{}", services.gateway()));
        Self { services, plan, database, smtp, anybody }
    }

    /// Stops all services.
    pub(crate) async fn stop(self) {
        self.services.stop().await;
    }

    /// A second booking instance over the same database and broker, with its own memory; and its bus,
    /// which is closed after it.
    pub(crate) async fn second_booking(&self) -> (Running, Bus) {
        let (bus, context) = self.of_another("booking");
        let second =
            booking::app::start(self.plan.booking(), context).await.expect("a second instance starts");
        (second, bus)
    }

    /// What another instance of a service runs with.
    fn of_another(&self, service: &'static str) -> (Bus, ServiceContext) {
        let broker = self.plan.broker.as_ref().expect("the services have a broker");
        let amqp = AmqpConfig {
            prefix: broker.prefix.clone(),
            queues: queues::ALL,
            ..AmqpConfig::new(broker.url.clone(), service)
        };
        let bus = Bus::new(Amqp::connect(&amqp).expect("the broker's address is one"));
        let jwks = format!("http://{}/.well-known/jwks.json", self.services.gateway());
        (bus.clone(), ServiceContext::new(bus, KeySource::fetched(jwks)))
    }

    /// Another flight instance over the same database and broker; and its bus, which is closed after it.
    pub(crate) async fn second_flight(&self) -> (Running, Bus) {
        let (bus, context) = self.of_another("flight");
        let config = self.plan.flight(self.services.address("booking")).expect("settings");
        (flight::app::start(config, context).await.expect("a second instance starts"), bus)
    }

    /// The administrator's client.
    pub(crate) async fn administrator(&self) -> Client {
        self.anybody.with_token(&self.administrator_token().await)
    }

    /// An access token of the administrator.
    pub(crate) async fn administrator_token(&self) -> String {
        let Administrator { email, password } = &self.plan.administrator;
        self.token_of(email, password.expose_secret()).await
    }

    /// Registers a traveller and logs in.
    pub(crate) async fn traveller(&self, email: &str) -> Client {
        let user = json!({"email": email, "password": "correct horse", "given_name": "Ada", "family_name": "Lovelace"});
        let _ = self.anybody.post("/api/v1/auth/register", &user).await.expect(201);
        self.anybody.with_token(&self.token_of(email, "correct horse").await)
    }

    async fn token_of(&self, email: &str, password: &str) -> String {
        let answer =
            self.anybody.post("/api/v1/auth/login", &json!({"email": email, "password": password})).await;
        answer.expect(200)["access_token"].as_str().expect("a token").to_owned()
    }

    /// Makes, as the administrator, all that a flight from Aachenport (AAA) to Betatown (BBB) needs: an
    /// airplane with these cabins.
    pub(crate) async fn make_network(&self, admin: &Client, columns: &str, last_row: u8) {
        let create = async |path: &str, body: Value| {
            let _ = admin.post(&format!("/api/v1/admin/{path}"), &body).await.expect(201);
        };
        for (code, name, country, zone) in
            [("AAA", "Aachenport", "GB", "Europe/London"), ("BBB", "Betatown", "FR", "Europe/Paris")]
        {
            create("cities", json!({"code": code, "name": name, "country": country, "time_zone": zone}))
                .await;
            create(
                "airports",
                json!({"iata": code, "icao": null, "name": format!("{name} International"), "city": code,
                       "country": country, "time_zone": zone, "latitude": 50.5, "longitude": 1.25,
                       "min_connection_minutes": null}),
            )
            .await;
        }
        create("airlines", json!({"code": "XA", "name": "Xample Air", "accounting_code": "990"})).await;
        create("aircraft-types", json!({"code": "320", "icao": "A320", "name": "Airbus A320"})).await;
        let layout = json!({"name": "A320 all economy", "aircraft_type": "320", "exit_rows": [], "blocked_seats": [],
            "cabins": [{"cabin": "economy", "rows": [1, last_row], "columns": columns}]});
        let layout = admin.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
        create(
            "airplanes",
            json!({"registration": "G-TEST", "airline": "XA", "aircraft_type": "320", "seat_layout_id": layout["id"]}),
        )
        .await;
    }

    /// Makes, as the administrator, a flight XA1 so many days ahead, 10:00 to 13:00 local time.
    pub(crate) async fn make_flight(&self, admin: &Client, days_ahead: u64) -> Value {
        let date = (Utc::now() + Days::new(days_ahead)).date_naive();
        let fare = |brand: &str| json!({"cabin": "economy", "brand": brand, "base_price": {"amount": "100.00", "currency": "EUR"}});
        let flight = json!({"flight_number": "XA1", "origin": "AAA", "destination": "BBB", "airplane": "G-TEST",
            "departure_local": format!("{date}T10:00"), "arrival_local": format!("{date}T13:00"),
            "fares": [fare("light"), fare("standard"), fare("flex")]});
        admin.post("/api/v1/admin/flights", &flight).await.expect(201)
    }

    /// A network with one flight of an airplane with `ABC|DEF` in 30 rows, ten days ahead.
    pub(crate) async fn one_flight(&self, admin: &Client) -> Value {
        self.make_network(admin, "ABC|DEF", 30).await;
        self.make_flight(admin, 10).await
    }
}

/// The body of a booking of one adult on one flight.
pub(crate) fn booking(flight: &Value, seat: Option<&str>, payment: Option<&str>) -> Value {
    let mut body = json!({
        "segments": [{"flight_id": flight["id"], "cabin": "economy", "brand": "standard"}],
        "passengers": [{"type": "ADT", "given_name": "Ada", "family_name": "Lovelace", "born_on": "1985-12-10",
                        "seats": [seat]}],
        "contact": {"email": "ada@aerobus.example", "phone": null},
    });
    if let Some(token) = payment {
        body["payment"] = json!({"method": "card", "token": token});
    }
    body
}

/// Books; the body as given.
pub(crate) async fn book(client: &Client, body: &Value) -> Answer {
    client.post("/api/v1/bookings", body).await
}
