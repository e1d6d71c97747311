//! Wires database, actors and HTTP together.

use crate::{
    actors::{
        availability_feed::{self, SeatsFeed},
        catalogue::CatalogueHandle,
        catalogue_feed::{self, CatalogueFeed},
        places::PlacesHandle,
        republisher::RepublisherHandle,
        schedule_keeper::ScheduleKeeperHandle,
        seats_resync::SeatsResyncHandle,
        withdrawal_keeper,
    },
    booking::BookingClient,
    booking_seats::SeatsClient,
    config::Config,
    http::{self, CommittedChanges, ImportSlots, SaleCurrency, SearchSettings},
    store::{MIGRATIONS, stored_forms},
};
use diesel::ConnectionError;
use shared::{
    auth::ServiceTokens,
    bus::{Bus, Consumers},
    db::{DatabaseConfig, MigrateError, Pool, migrate},
    http::health::Health,
    operations::Operations,
    outbox::{DeadLetters, Relay, RelayHandle},
    service::{ListenError, Running, ServiceContext, WebServer},
    threads::{self, Priority},
};
use std::{io, sync::Arc, time::Duration};

/// How long the start waits for the flights to be loaded; then it goes on, not ready yet.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections of what follows the bus, the search index and the feed of seats, of the keepers of schedules and
/// withdrawals, and of the republisher.
const FOLLOWERS: usize = 4;

/// Why the flight service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema could not be brought up to date.
    #[error("the flight schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    /// The database cannot be reached any more.
    #[error("the database cannot be reached")]
    Connect(#[from] ConnectionError),
    /// What earlier releases have stored could not be brought into the form of today.
    #[error("the flight tables could not be brought up to date")]
    Renew(#[from] diesel::result::Error),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A thread cannot be started.
    #[error("a thread could not be started")]
    Thread(#[from] io::Error),
}

/// Starts the flight service on the present actix system.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config, context: ServiceContext) -> Result<Running, StartError> {
    let service = &config.service;
    let database = service.database();
    migrate(&database, MIGRATIONS).await?;
    stored_forms::renew(&mut database.connect().await?).await?;
    let pool = Pool::new(&database);
    // The search index follows the bus in bulk: off the thread of the connections that requests wait for.
    let follower = threads::arbiter("fl-follow".to_owned(), Priority::Followers)?;
    let (followed, bus, horizon) = (database.clone(), context.bus.clone(), config.schedule_horizon_days);
    let tokens = ServiceTokens::new(service.service_token_secret.clone());
    let (booking, of_seats) = (config.booking_url.clone(), tokens.clone());
    let client = move || SeatsClient::new(booking.clone(), of_seats.clone());
    let Following { relay, pool: followers, catalogue, places, keeper, republisher, dead_letters, consumers } =
        threads::run_on(&follower.handle(), async move || follow(&followed, &bus, horizon, client)).await?;
    let loaded = async { tokio::join!(catalogue.loaded(), places.wait_for(|_| true)) };
    drop(tokio::time::timeout(LOAD_TIMEOUT, loaded).await);

    let verifier = context.verifier(service);
    let (ready, placed, following) = (catalogue.clone(), places.clone(), follower.handle());
    let health = Health::new()
        // The bus is not among them: without it search and sales go on, and events wait in the outbox.
        .needs_database(&pool)
        .needs("followers", move || std::future::ready(following.alive()))
        .needs("catalogue", move || std::future::ready(ready.index().is_some()))
        .needs("places", move || std::future::ready(placed.index().is_some()))
        .needs_keys(&verifier);
    let (booking_url, of_clients) = (config.booking_url.clone(), tokens.clone());
    let running = WebServer::new("flight", service, health)
        .share(verifier)
        .share(tokens)
        .share(Operations::new("flight", &pool, &dead_letters, &relay))
        .share(pool.clone())
        .share(CommittedChanges::new(relay.clone(), catalogue.clone(), places.clone(), (keeper, republisher)))
        .share(catalogue)
        .share(places)
        .share(SearchSettings { rules: config.search_rules(), horizon_days: config.search_horizon_days })
        .share(SaleCurrency(config.sale_currency))
        .share(ImportSlots::default())
        .for_each_worker(move || BookingClient::new(booking_url.clone(), of_clients.clone()))
        .serve(http::routes)?;
    Ok(running.flush(relay.clone()).after_stop(move || async move {
        consumers.stop().await;
        relay.stop().await;
        pool.close();
        followers.close();
        follower.stop();
    }))
}

/// What follows the bus, on a thread of its own.
struct Following {
    relay: RelayHandle,
    pool: Pool,
    catalogue: CatalogueHandle,
    places: PlacesHandle,
    keeper: ScheduleKeeperHandle,
    republisher: RepublisherHandle,
    dead_letters: DeadLetters,
    consumers: Consumers,
}

/// Starts the relay, the search index, the places, the keepers of schedules and withdrawals and the republisher on the
/// present arbiter, and subscribes to the bus.
fn follow(
    database: &DatabaseConfig,
    bus: &Bus,
    horizon_days: u16,
    client: impl Fn() -> SeatsClient + 'static,
) -> Following {
    let pool = Pool::new(&DatabaseConfig { pool_size: FOLLOWERS, ..database.clone() });
    let relay = Relay::start("flight", database, bus.clone());
    let catalogue = CatalogueHandle::start(pool.clone());
    let places = PlacesHandle::start(pool.clone(), database);
    let keeper = ScheduleKeeperHandle::start(pool.clone(), relay.clone(), catalogue.clone(), horizon_days);
    withdrawal_keeper::start(pool.clone(), relay.clone(), catalogue.clone());
    let republisher = RepublisherHandle::start(pool.clone(), relay.clone());
    let dead_letters = DeadLetters::new(pool.clone());
    let resync = SeatsResyncHandle::start(pool.clone(), catalogue.clone(), client);
    let to_table = SeatsFeed::start(pool.clone(), catalogue.clone()).with_resync(resync);
    let consumers = subscribe(bus, &dead_letters, to_table, &catalogue);
    Following { relay, pool, catalogue, places, keeper, republisher, dead_letters, consumers }
}

/// Subscribes to the bus.
fn subscribe(
    bus: &Bus,
    dead_letters: &DeadLetters,
    to_table: SeatsFeed,
    catalogue: &CatalogueHandle,
) -> Consumers {
    let to_catalogue = Arc::new(CatalogueFeed::new(catalogue.clone()));
    Consumers::new()
        .with(dead_letters.subscribe(bus, catalogue_feed::subscription(), to_catalogue))
        .with(dead_letters.subscribe(bus, availability_feed::subscription(), Arc::new(to_table)))
}
