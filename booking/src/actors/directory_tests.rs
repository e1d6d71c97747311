use super::*;
use crate::{
    MIGRATIONS,
    actors::{
        allocator::MAILBOX,
        arrivals::{OF_ALL_CLIENTS, OF_CLIENT, OF_FLIGHT},
        shards::Shards,
    },
    store,
};
use booking_engine::samples;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join_all;
use shared::events::FlightState;
use std::net::{IpAddr, Ipv4Addr};
use testkit::TestDatabase;

/// The context of a request with a late deadline.
fn context() -> RequestContext {
    RequestContext::of_our_own((Instant::now() + Duration::from_secs(3600)).into_std())
}

async fn flight(directory: &Directory, id: FlightId, context: RequestContext) -> Result<Flight, FlightError> {
    Ok(directory.offer(id, context).await?.flight())
}

struct DirectoryFixture {
    database: TestDatabase,
    pool: Pool,
    directory: Directory,
    shards: Shards,
}

impl DirectoryFixture {
    async fn new() -> Self {
        Self::with(AllocatorLimits { allocators: 1024, idle: Duration::from_secs(600) }).await
    }

    async fn with(limits: AllocatorLimits) -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let pool = Pool::new(&database.config("booking"));
        let shards = Shards::start(1).unwrap();
        let pools = (pool.clone(), pool.clone());
        let directory = Directory::start(pools, FlightCache::new(1024), shards.handles(), limits);
        Self { database, pool, directory, shards }
    }

    async fn store(&self, flights: &[FlightState]) {
        let known: Vec<_> =
            flights.iter().map(|one| (one.clone(), serde_json::to_value(one).unwrap())).collect();
        store::flight_updates::store(&self.pool.get().await.unwrap(), &known).await.unwrap();
    }

    /// Asks for a flight in a task of its own.
    fn ask(&self, id: FlightId) -> tokio::task::JoinHandle<Result<Flight, FlightError>> {
        let directory = self.directory.clone();
        actix::spawn(async move { flight(&directory, id, context()).await })
    }

    /// Lets other tasks run until `waiting` requests wait for flights.
    async fn wait_for(&self, waiting: usize) {
        let waits = async {
            while self.directory.0.arrivals.waiting() != waiting {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waits).await.expect("so many wait");
    }

    fn stop(self) {
        self.pool.close();
        self.shards.stop();
    }
}

#[actix::test]
async fn a_request_for_a_young_flight_waits_until_it_arrives() {
    let fixture = DirectoryFixture::new().await;
    let flight = samples::flight();
    let asked = [fixture.ask(flight.id), fixture.ask(flight.id)];
    fixture.wait_for(2).await;
    assert!(asked.iter().all(|asked| !asked.is_finished()));
    fixture.store(std::slice::from_ref(&flight)).await;
    fixture.directory.flights_arrived();
    for found in join_all(asked).await {
        assert_eq!(found.unwrap().unwrap().state.id, flight.id);
    }
    // The event may have gone to another instance: it is found all the same.
    let flight = samples::flight();
    let asked = fixture.ask(flight.id);
    fixture.wait_for(1).await;
    fixture.store(std::slice::from_ref(&flight)).await;
    assert_eq!(asked.await.unwrap().unwrap().state.id, flight.id);
    assert_eq!(fixture.directory.0.arrivals.waiting(), 0);
    fixture.stop();
}

/// Asks for a flight in a task of its own, for a client.
fn ask_for(
    fixture: &DirectoryFixture,
    client: u32,
    id: FlightId,
) -> tokio::task::JoinHandle<Result<Flight, FlightError>> {
    let directory = fixture.directory.clone();
    let client = IpAddr::V4(Ipv4Addr::from_bits(client));
    let context = RequestContext { client, ..context() };
    actix::spawn(async move { flight(&directory, id, context).await })
}

#[actix::test]
async fn the_waits_of_a_client_are_bounded_and_block_no_other_client() {
    let fixture = DirectoryFixture::new().await;
    let flights: Vec<FlightState> = (0..OF_CLIENT).map(|_| samples::flight()).collect();
    let mut asked: Vec<_> = flights.iter().map(|flight| ask_for(&fixture, 1, flight.id)).collect();
    fixture.wait_for(OF_CLIENT).await;
    let refused = ask_for(&fixture, 1, FlightId::new()).await.unwrap();
    assert!(matches!(refused, Err(FlightError::Overloaded)));
    // More requests for the same flights, and those of another client.
    asked.extend((1..OF_FLIGHT).map(|_| ask_for(&fixture, 1, flights[0].id)));
    asked.push(ask_for(&fixture, 2, flights[0].id));
    fixture.wait_for(OF_CLIENT + OF_FLIGHT).await;
    let refused = ask_for(&fixture, 1, flights[0].id).await.unwrap();
    assert!(matches!(refused, Err(FlightError::Overloaded)), "one request too many for a flight");
    fixture.store(&flights).await;
    fixture.directory.flights_arrived();
    for found in join_all(asked).await {
        assert!(found.unwrap().is_ok());
    }
    assert_eq!(fixture.directory.0.arrivals.waiting(), 0);
    fixture.stop();
}

#[actix::test]
async fn the_flights_that_are_waited_for_are_bounded() {
    let fixture = DirectoryFixture::new().await;
    let flights: Vec<FlightState> = (0..OF_ALL_CLIENTS).map(|_| samples::flight()).collect();
    let client = |number: usize| u32::try_from(number / OF_CLIENT).unwrap() + 1;
    let asked: Vec<_> = flights
        .iter()
        .enumerate()
        .map(|(number, flight)| ask_for(&fixture, client(number), flight.id))
        .collect();
    fixture.wait_for(OF_ALL_CLIENTS).await;
    assert!(matches!(
        flight(&fixture.directory, FlightId::new(), context()).await,
        Err(FlightError::Overloaded)
    ));
    let old = FlightId("0191e2a0-0000-7000-8000-000000000000".parse().unwrap());
    assert!(matches!(flight(&fixture.directory, old, context()).await, Err(FlightError::Unknown)));
    fixture.store(&flights).await;
    fixture.directory.flights_arrived();
    for found in join_all(asked).await {
        assert!(found.unwrap().is_ok());
    }
    fixture.stop();
}

#[actix::test]
async fn a_flight_that_came_while_the_database_was_silent_is_not_called_unknown() {
    let fixture = DirectoryFixture::new().await;
    let flight = samples::flight();
    // Requests have the connections, when it comes and until the time of this one is over.
    let deadline = Instant::now() + ARRIVAL + Duration::from_secs(1);
    let directory = fixture.directory.clone();
    let (id, context) = (flight.id, RequestContext::of_our_own(deadline.into_std()));
    let asked = actix::spawn(async move { self::flight(&directory, id, context).await });
    fixture.wait_for(1).await;
    let size = fixture.database.config("booking").pool_size;
    let taken = join_all((0..size).map(|_| fixture.pool.get())).await;
    let other = fixture.database.config("booking").connect().await.unwrap();
    let known = [(flight.clone(), serde_json::to_value(&flight).unwrap())];
    store::flight_updates::store(&other, &known).await.unwrap();
    assert!(matches!(asked.await.unwrap(), Err(FlightError::Overloaded)));
    drop(taken);
    fixture.stop();
}

#[actix::test]
async fn a_database_that_does_not_answer_is_no_missing_flight() {
    let fixture = DirectoryFixture::new().await;
    let asked = fixture.ask(FlightId::new());
    fixture.wait_for(1).await;
    fixture.pool.close();
    assert!(matches!(asked.await.unwrap(), Err(FlightError::Failed(_))));
    fixture.stop();
}

#[actix::test]
async fn readers_of_the_map_take_no_place_of_claims() {
    let fixture = DirectoryFixture::new().await;
    let flight = samples::flight();
    fixture.store(std::slice::from_ref(&flight)).await;
    fixture.directory.seat_map(flight.id, context()).await.unwrap();
    // The seats cannot be read, and all readers of the map wait for that.
    let mut other = AsyncPgConnection::establish(&fixture.database.superuser_url()).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE booking.seats IN ACCESS EXCLUSIVE MODE").await.unwrap();
    fixture.directory.invalidate(flight.id);
    let maps: Vec<_> = (0..MAILBOX)
        .map(|_| {
            let directory = fixture.directory.clone();
            actix::spawn(async move { directory.seat_map(flight.id, context()).await })
        })
        .collect();
    let entry = fixture.directory.0.running.find(flight.id).unwrap();
    while entry.readers.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(fixture.directory.seat_map(flight.id, context()).await, Err(FlightError::Overloaded)));
    assert_eq!(entry.places.available_permits(), MAILBOX, "who claims is let in");
    other.batch_execute("ROLLBACK").await.unwrap();
    for map in join_all(maps).await {
        assert!(map.unwrap().is_ok());
    }
    fixture.stop();
}

#[actix::test]
async fn the_least_recently_used_allocators_are_passivated_unless_in_use() {
    let fixture =
        DirectoryFixture::with(AllocatorLimits { allocators: 32, idle: Duration::from_secs(600) }).await;
    let flights: Vec<FlightState> = (0..2000).map(|_| samples::flight()).collect();
    fixture.store(&flights).await;
    let [first, others @ ..] = &flights[..] else { unreachable!() };
    // It is in use, as it is by a reservation.
    let in_hand = fixture.directory.find(first.id, context()).await.unwrap();
    for (number, flight) in others.iter().enumerate() {
        let map = fixture.directory.seat_map(flight.id, context()).await.unwrap();
        assert_eq!(map.flight_id, flight.id);
        let running = fixture.directory.0.running.flights();
        assert!(running.len() <= 32, "{} run", running.len());
        assert!(running.contains(&first.id) && running.contains(&flight.id), "{number}");
    }
    assert!(in_hand.allocator.connected());
    drop(in_hand);
    // A passivated allocator answers the next request as if it had never ended.
    for flight in flights.iter().take(100) {
        fixture.directory.seat_map(flight.id, context()).await.unwrap();
    }
    assert!(fixture.directory.0.running.flights().len() <= 32);
    fixture.stop();
}

#[actix::test]
async fn idle_allocators_are_passivated() {
    let fixture = DirectoryFixture::with(AllocatorLimits { allocators: 32, idle: Duration::ZERO }).await;
    let flights = [samples::flight(), samples::flight()];
    fixture.store(&flights).await;
    let in_hand = fixture.directory.find(flights[0].id, context()).await.unwrap();
    let idle = fixture.directory.find(flights[1].id, context()).await.unwrap().allocator.downgrade();
    fixture.directory.0.running.passivate();
    assert_eq!(fixture.directory.0.running.flights(), [flights[0].id]);
    while idle.upgrade().is_some_and(|idle| idle.connected()) {
        tokio::task::yield_now().await;
    }
    drop(in_hand);
    fixture.directory.0.running.passivate();
    assert!(fixture.directory.0.running.flights().is_empty());
    fixture.stop();
}
