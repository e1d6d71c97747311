//! A running gateway with a database of its own.

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use gateway::{MIGRATIONS, app, config::Config};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::{
    auth::KeySource,
    bus::{Bus, in_process::InProcess},
    events::TokenRequest,
    outbox::Relay,
    service::{Running, ServiceContext},
};
use testkit::{Answer, Client, SERVICE_TOKEN_SECRET, TestDatabase};
use url::Url;

pub(crate) const SIGNING_SECRET: &str = "the secret of the signing keys, in tests only";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ADMIN: &str = "admin@example.org";

pub(crate) struct GatewayFixture {
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) keys: KeySource,
    pub(crate) bus: Bus,
    running: Running,
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = Text)]
    data: String,
}

/// An address where nobody listens.
pub(crate) fn nowhere() -> Url {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

pub(crate) fn config(database: &TestDatabase) -> Config {
    let address = "127.0.0.1:0".parse().unwrap();
    let mut config = Config::embedded(
        address,
        &database.config("gateway"),
        SERVICE_TOKEN_SECRET.into(),
        SecretString::from(SIGNING_SECRET),
    );
    config.bcrypt_cost = 4;
    // All clients of a test have one address.
    config.bcrypt_queue_per_client = 64;
    config.flight_urls = vec![nowhere()];
    config.booking_urls = vec![nowhere()];
    config.mailer_urls = vec![nowhere()];
    config.admin_email = Some(ADMIN.into());
    config.admin_password = Some(PASSWORD.into());
    config
}

/// Another instance over the same database, with a bus of its own.
pub(crate) async fn instance(config: Config) -> (Running, KeySource) {
    instance_on(config, Bus::new(InProcess::new())).await
}

/// Another instance over the same database, on this bus.
pub(crate) async fn instance_on(config: Config, bus: Bus) -> (Running, KeySource) {
    let context = ServiceContext::new(bus, KeySource::in_process());
    let keys = context.keys.clone();
    (app::start(config, context).await.expect("the gateway starts"), keys)
}

impl GatewayFixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(configure: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let mut config = config(&database);
        configure(&mut config);
        let bus = Bus::new(InProcess::new());
        let (running, keys) = instance_on(config, bus.clone()).await;
        let base = format!("http://{}", running.address);
        Self { database, client: Client::new(&base), base, keys, bus, running }
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// Ready when all events of before are worked in everywhere. (The relay of the instance publishes them. This one
    /// only waits for it.)
    pub(crate) async fn drain(&self) {
        let relay = Relay::start("gateway", &self.database.config("gateway"), self.bus.clone());
        relay.drain().await;
        relay.stop().await;
    }

    /// Looks behind the service, as the superuser.
    pub(crate) async fn sql(&self) -> AsyncPgConnection {
        let mut connection = AsyncPgConnection::establish(&self.database.superuser_url()).await.unwrap();
        connection.batch_execute("SET search_path = gateway").await.unwrap();
        connection
    }

    pub(crate) async fn run_sql(&self, statement: &str) -> usize {
        diesel::sql_query(statement).execute(&mut self.sql().await).await.unwrap()
    }

    /// The data of all events of a type, the oldest first.
    pub(crate) async fn events<T: DeserializeOwned>(&self, kind: &str) -> Vec<T> {
        let query = "SELECT data FROM events WHERE kind = $1 ORDER BY id";
        let query = diesel::sql_query(query).bind::<Text, _>(kind);
        let rows: Vec<EventRow> = query.load(&mut self.sql().await).await.unwrap();
        rows.iter().map(|row| serde_json::from_str(&row.data).unwrap()).collect()
    }

    /// The tokens that letters were asked for with, by the type of the event, the oldest first.
    pub(crate) async fn tokens(&self, kind: &str) -> Vec<String> {
        let requests: Vec<TokenRequest> = self.events(kind).await;
        requests.into_iter().map(|request| request.token.expect("it is there until it is erased").0).collect()
    }

    pub(crate) async fn register(&self, email: &str) -> Value {
        self.client.post("/api/v1/auth/register", &registration(email)).await.expect(201)
    }

    /// As if the owner of an address had verified it.
    pub(crate) async fn verify(&self, email: &str) {
        let verify = format!("UPDATE users SET email_verified = true WHERE email_key = '{email}'");
        assert_eq!(self.run_sql(&verify).await, 1);
    }

    pub(crate) async fn log_in(&self, email: &str) -> Value {
        self.try_log_in(email, PASSWORD).await.expect(200)
    }

    pub(crate) async fn try_log_in(&self, email: &str, password: &str) -> Answer {
        self.client.post("/api/v1/auth/login", &json!({"email": email, "password": password})).await
    }

    pub(crate) async fn refresh(&self, tokens: &Value) -> Answer {
        let body = json!({"refresh_token": tokens["refresh_token"]});
        self.client.post("/api/v1/auth/refresh", &body).await
    }

    /// A client with the token of a customer.
    pub(crate) async fn customer(&self, email: &str) -> Client {
        self.register(email).await;
        self.client.with_token(self.log_in(email).await["access_token"].as_str().unwrap())
    }

    pub(crate) async fn admin(&self) -> Client {
        self.client.with_token(self.log_in(ADMIN).await["access_token"].as_str().unwrap())
    }
}

pub(crate) fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "given_name": "Ada", "family_name": "Lovelace"})
}
