//! The service of a test: its database, its bus, a booking service that is played.

use crate::{played_booking::PlayedBooking, world::found};
use diesel_async::AsyncPgConnection;
use flight::{app, config::Config, store::MIGRATIONS};
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    bus::{Bus, Delivery, Disposition, Handler, Subscription, in_process::InProcess},
    db::Pool,
    events::{Event, EventType},
    ids::UserId,
    outbox::DeadLetters,
    service::{Running, ServiceContext},
};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};
use testkit::{Client, SERVICE_TOKEN_SECRET, TestDatabase, TokenIssuer};
use tokio::sync::mpsc;

/// A running flight service over the small network of [`crate::world`].
pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) bus: Bus,
    pub(crate) issuer: TokenIssuer,
    /// Without a token.
    pub(crate) anybody: Client,
    /// With the permissions of an operator.
    pub(crate) operator: Client,
    /// What the played booking service answers for live bookings.
    pub(crate) live_bookings: Arc<AtomicU64>,
    /// How often it was asked.
    pub(crate) closings: Arc<AtomicU64>,
    /// The booking service that is played.
    pub(crate) booking: Arc<PlayedBooking>,
    booking_url: url::Url,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::of("flight", MIGRATIONS).await;
        found(&mut database.config("flight").connect().await.expect("a connection")).await;
        let (booking, booking_url) = PlayedBooking::start();
        let (live_bookings, closings) = (booking.live_bookings.clone(), booking.closings.clone());
        let (bus, issuer) = (Bus::new(InProcess::new()), TokenIssuer::new());
        let running = run(&database, &bus, &issuer, &booking_url).await;
        let anybody = Client::new(format!("http://{}", running.address));
        let permissions = [
            Permission::ReferenceWrite,
            Permission::FlightWrite,
            Permission::FareWrite,
            Permission::DisruptionWrite,
        ];
        let token = issuer.token(UserId::new(), &permissions);
        let operator = anybody.with_token(&token);
        Self { database, bus, issuer, anybody, operator, live_bookings, closings, booking, booking_url }
    }

    /// A client with exactly these permissions.
    pub(crate) fn client(&self, permissions: &[Permission]) -> Client {
        self.anybody.with_token(&self.issuer.token(UserId::new(), permissions))
    }

    /// Another instance of the service, on the same database and bus.
    pub(crate) async fn another(&self) -> Client {
        let running = run(&self.database, &self.bus, &self.issuer, &self.booking_url).await;
        Client::new(format!("http://{}", running.address))
    }

    /// Another instance of the service that asks booking where nobody listens.
    pub(crate) async fn without_booking(&self) -> Client {
        let nowhere = "http://127.0.0.1:1".parse().expect("an address");
        let running = run(&self.database, &self.bus, &self.issuer, &nowhere).await;
        let client = Client::new(format!("http://{}", running.address));
        client.with_token(
            &self.issuer.token(UserId::new(), &[Permission::FlightWrite, Permission::DisruptionWrite]),
        )
    }

    /// A connection to the service's database.
    pub(crate) async fn connect(&self) -> AsyncPgConnection {
        self.database.config("flight").connect().await.expect("a connection")
    }

    /// Ready when a statement of the service waits for a lock; only the database can tell.
    pub(crate) async fn blocked(&self) {
        // Here only: its `load` would stand in the way of an atomic's.
        use diesel_async::RunQueryDsl;
        let mut connection = self.connect().await;
        let deadline = Instant::now() + Duration::from_secs(20);
        let statement = "SELECT 1 FROM pg_stat_activity \
                         WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while diesel::sql_query(statement).execute(&mut connection).await.expect("an answer") == 0 {
            assert!(Instant::now() < deadline, "nothing waits for the lock");
        }
    }

    /// Makes a flight and gives its resource.
    pub(crate) async fn make(&self, body: &Value) -> Value {
        self.operator.post("/api/v1/admin/flights", body).await.expect(201)
    }

    /// The itineraries of a search.
    pub(crate) async fn search(&self, query: &str) -> Vec<Value> {
        let answer = self.anybody.get(&format!("/api/v1/search?{query}")).await.expect(200);
        answer["data"].as_array().expect("a list").clone()
    }

    /// Publishes an event as another service would; ready when this service has worked it in.
    pub(crate) async fn publish(&self, kind: EventType, subject: &str, version: i64, data: &Value) {
        let event = Event::new("booking", kind, subject, version, data);
        self.bus.publish(Arc::new(event)).await.expect("a confirm");
    }

    /// Booking tells which seats are taken.
    pub(crate) async fn take_seats(&self, flight: &Value, version: i64, held: &[&str], sold: &[&str]) {
        let id = flight["id"].as_str().expect("an id");
        let data = json!({"flight_id": id, "version": version, "held": held, "sold": sold});
        self.publish(EventType::SeatsChanged, id, version, &data).await;
    }

    /// Hears what the service tells of flights from now on.
    pub(crate) async fn listen(&self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let types = [EventType::FlightPublished, EventType::FlightChanged, EventType::FlightCancelled];
        let dead_letters = DeadLetters::new(Pool::new(&self.database.config("flight")));
        self.bus
            .subscribe(
                Subscription::instance("test.flights", &types),
                Arc::new(Ear(sender)),
                Arc::new(dead_letters),
            )
            .await
            .expect("a subscription");
        receiver
    }
}

struct Ear(mpsc::UnboundedSender<Event>);

impl Handler for Ear {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> futures_util::future::BoxFuture<'a, Vec<Disposition>> {
        let heard = batch.iter().map(|delivery| {
            // The test may have stopped listening.
            let _ = self.0.send(Event::clone(&delivery.event));
            Disposition::Ack
        });
        Box::pin(std::future::ready(heard.collect()))
    }
}

async fn run(database: &TestDatabase, bus: &Bus, issuer: &TokenIssuer, booking_url: &url::Url) -> Running {
    let address = "127.0.0.1:0".parse().expect("an address");
    let secret = SERVICE_TOKEN_SECRET.to_owned().into();
    let config = Config::embedded(address, &database.config("flight"), secret, booking_url.clone());
    let context = ServiceContext::new(bus.clone(), issuer.keys());
    app::start(config, context).await.expect("a running service")
}
