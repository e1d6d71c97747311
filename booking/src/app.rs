//! Wires database, actors and HTTP together.

use crate::{
    actors::{
        allocators::AllocatorLimits,
        arbiter::LastingArbiter,
        directory::Directory,
        disruption_desk::DisruptionDesk,
        expiry_sweeper,
        flight_feed::{FlightFeed, FlightFollower},
        followers::CommitFollowers,
        housekeeping,
        ledger::{LedgerDeps, Ledgers},
        payment::{PaymentDesk, PaymentTimes, Sandbox, SharedProvider, Stripe, StripeSettings},
        sales::{InstanceDeps, InstanceSales, StoredKeys},
        seat_map::{self, FeedTiming, SeatMapFeeds},
        shards::Shards,
        version_poll,
    },
    config::{Config, ProviderKind},
    http::{self, AccessTokens, Lookups, Reading, RequestPolicy, Staff},
    store::{MIGRATIONS, flight_cache::FlightCache, former_travellers},
};
use actix_web::{App, dev::ServerHandle, middleware::from_fn, web};
use booking_engine::{ledger::queue::QueueBounds, sell::sales::SalesTerms};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shared::{
    auth::{ServiceTokens, Verifier},
    bus::{Bus, Consumers},
    db::{DatabaseConfig, DbError, MigrateError, Plans, Pool, migrate},
    http::{ServerSettings, health::Health, metrics_server},
    outbox::{DeadLetters, Relay, RelayHandle},
    service::{Running, ServiceContext},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

/// How often the outbox is looked at for what other instances have committed: those who follow a live seat
/// map here are to hear of it within 100 ms, of which up to 50 go by while changes are gathered.
const LOOK: Duration = Duration::from_millis(25);

/// Connections of what follows the bus: the feed of flights, and the look for flights that requests wait for.
const FOLLOWERS: usize = 2;

/// Why the booking service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema could not be brought up to date.
    #[error("the booking schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    /// What an earlier release has stored could not be stored anew.
    #[error("the travellers of an earlier release could not be stored anew")]
    Refresh(#[from] DbError),
    /// An address cannot be listened on.
    #[error("an address cannot be listened on")]
    Listen(#[from] io::Error),
    /// The payment provider is not configured as it must be.
    #[error("the payment provider cannot be used: {0}")]
    Provider(String),
}

/// What the handlers share, whichever thread they run on.
#[derive(Clone)]
struct State {
    verifier: web::Data<Verifier>,
    health: web::Data<Health>,
    service_tokens: web::Data<ServiceTokens>,
    access_tokens: web::Data<AccessTokens>,
    sales: web::Data<InstanceSales>,
    policy: web::Data<RequestPolicy>,
    reading: web::Data<Reading>,
    lookups: web::Data<Lookups>,
    feeds: web::Data<SeatMapFeeds>,
    staff: web::Data<Staff>,
}

/// Starts the booking service on the present actix system.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config, context: ServiceContext) -> Result<Running, StartError> {
    start_with(config, context, provider).await.map(|(running, _)| running)
}

/// The same with a payment provider of one's own; gives what stands behind HTTP too.
pub(crate) async fn start_with(
    config: Config,
    context: ServiceContext,
    provider: impl FnOnce(&Config, &Pool) -> Result<SharedProvider, StartError>,
) -> Result<(Running, InstanceSales), StartError> {
    let service = &config.service;
    let database = service.database();
    migrate(&database, MIGRATIONS).await?;
    let pool = Pool::new(&database.planned(Plans::ByIndex));
    // Of their own: requests that wait for connections do not keep flights from arriving.
    let followers = DatabaseConfig { pool_size: FOLLOWERS, ..database.planned(Plans::ByIndex) };
    let followers = Pool::new(&followers);
    let refreshed = former_travellers::refresh(&pool).await?;
    if refreshed > 0 {
        tracing::info!(travellers.refreshed = refreshed, "Travellers of an earlier release were stored anew");
    }
    let provider = provider(&config, &pool)?;
    let relay = Relay::start_looking("booking", &database, context.bus.clone(), LOOK);
    let flights = FlightCache::new(config.cached_flights);
    let shards = Shards::new(config.ledger_shards);
    let limits = AllocatorLimits {
        allocators: config.allocators,
        idle: Duration::from_millis(config.allocator_idle_ms.max(10)),
    };
    let pools = (pool.clone(), followers.clone());
    let directory = Directory::start(pools, flights.clone(), shards.handles(), limits);
    let store = (&pool, &relay, &flights, &directory);
    let (sales, disruptions) = start_actors(&config, &context.bus, &shards, store, provider);
    // Telling thousands must not keep the ledgers waiting.
    let live = LastingArbiter::new();
    let feeds = seat_map_feeds(&config, &live, (&pool, &flights, &directory));
    let consumers = subscribe(&context.bus, &followers, &directory, disruptions);

    let verifier = Verifier::new(context.keys, &service.token_issuer, &service.token_audience);
    let health = health(&pool, &verifier);
    let state = State {
        verifier: web::Data::new(verifier),
        health: web::Data::new(health.clone()),
        service_tokens: web::Data::new(ServiceTokens::new(service.service_token_secret.clone())),
        access_tokens: web::Data::new(AccessTokens::new(&service.service_token_secret)),
        sales: web::Data::new(sales.clone()),
        policy: web::Data::new(RequestPolicy {
            patience: config.patience(),
            require_verified_email: config.require_verified_email,
        }),
        reading: web::Data::new(Reading { pool: pool.clone(), flights }),
        lookups: web::Data::new(Lookups::new()),
        feeds: web::Data::new(feeds.clone()),
        staff: web::Data::new(Staff::new(database.clone(), relay.clone(), config.sale_currency)),
    };
    let (address, server) = serve(&config, state)?;
    let mut running = Running::new("booking", address, server);
    if let Some(address) = service.metrics_address {
        let (_, server) = metrics_server(address)?;
        running = running.with_server(server.handle());
        actix_web::rt::spawn(server);
    }
    let (ledgers, handed) = (sales.deps.ledgers.clone(), sales.clone());
    let stopping = running
        .before_stop(move || async move {
            health.drain();
            feeds.end().await;
        })
        .drain(move || async move {
            sales.deps.desk.finish().await;
            sales.deps.ledgers.drain().await;
        })
        .flush(relay.clone());
    let running = stopping.after_stop(move || async move {
        consumers.stop().await;
        // What is repeated ends by itself when the pool is closed, and so does the desk, which has finished before.
        pool.close();
        followers.close();
        ledgers.drain().await;
        relay.stop().await;
        shards.stop();
        live.stop();
    });
    Ok((running, handed))
}

/// Starts ledgers, desk, reaper and poll; gives the way of a booking through them.
fn start_actors(
    config: &Config,
    bus: &Bus,
    shards: &Shards,
    (pool, relay, flights, directory): (&Pool, &RelayHandle, &FlightCache, &Directory),
    provider: SharedProvider,
) -> (InstanceSales, DisruptionDesk) {
    let followers = CommitFollowers { directory: directory.clone(), relay: relay.clone() };
    let deps = LedgerDeps {
        database: config.service.database(),
        flights: flights.clone(),
        followers: Arc::new(followers),
        payment_grace: TimeDelta::minutes(config.payment_hold_minutes.into()),
    };
    let bounds = QueueBounds { batch: config.ledger_batch.max(1), waiting: config.ledger_queue.max(1) };
    let ledgers = Ledgers::start(shards, &deps, bounds, config.patience());
    let times = PaymentTimes {
        payment: config.payment_timeout(),
        idle: config.payment_idle(),
        sweep: Duration::from_millis(config.payment_sweep_ms.max(10)),
        places: config.payment_places,
    };
    let desk = PaymentDesk::start(provider, ledgers.clone(), pool.clone(), times);
    let sweep = Duration::from_millis(config.disruption_sweep_ms.max(10));
    let disruptions = DisruptionDesk::start(pool.clone(), ledgers.clone(), desk.clone(), sweep);
    let reap = Duration::from_millis(config.reap_ms.max(10));
    expiry_sweeper::start(pool.clone(), ledgers.clone(), reap);
    housekeeping::start(pool.clone());
    version_poll::start(bus.clone(), pool.clone(), directory.clone());
    let deps = InstanceDeps { keys: StoredKeys(pool.clone()), directory: directory.clone(), ledgers, desk };
    let terms = SalesTerms { currency: config.sale_currency, max_hold_minutes: config.max_hold_minutes };
    (InstanceSales::new(deps, terms), disruptions)
}

/// Starts the payment provider's adapter.
fn provider(config: &Config, pool: &Pool) -> Result<SharedProvider, StartError> {
    if config.payment_provider == ProviderKind::Sandbox {
        return Ok(Arc::new(Sandbox::start(config.service.database().planned(Plans::ByIndex), pool.clone())));
    }
    let secret_key = config.stripe_secret_key.clone();
    let settings = StripeSettings {
        base_url: config.stripe_base_url.clone(),
        // Deployments may pass on a variable that nobody has set.
        secret_key: secret_key
            .filter(|key| !key.expose_secret().is_empty())
            .ok_or_else(|| StartError::Provider("BOOKING_STRIPE_SECRET_KEY is not set".to_owned()))?,
        timeout: Duration::from_millis(config.stripe_timeout_ms.max(1)),
        concurrency: config.stripe_concurrency,
        currency: config.sale_currency,
    };
    let stripe = Stripe::start(&settings, pool.clone());
    Ok(Arc::new(stripe.map_err(|error| StartError::Provider(error.to_string()))?))
}

/// The live seat maps, on an arbiter of their own.
fn seat_map_feeds(
    config: &Config,
    arbiter: &LastingArbiter,
    (pool, flights, directory): (&Pool, &FlightCache, &Directory),
) -> SeatMapFeeds {
    let bounds = seat_map::ReaderLimits {
        readers: config.seat_map_readers,
        of_flight: config.seat_map_flight_readers,
    };
    let timing = FeedTiming {
        pause: Duration::from_millis(config.seat_map_pause_ms),
        heartbeat: Duration::from_millis(config.seat_map_heartbeat_ms.max(10)),
    };
    let reading = (pool.clone(), flights.clone());
    SeatMapFeeds::new(directory.clone(), reading, arbiter.clone(), bounds, timing)
}

/// The bus is not among what must be there: with the broker down bookings go on, and events wait.
fn health(pool: &Pool, verifier: &Verifier) -> Health {
    let (pool, verifier) = (pool.clone(), verifier.clone());
    Health::new()
        .needs("database", move || {
            let pool = pool.clone();
            async move { pool.is_healthy().await }
        })
        .needs("keys", move || std::future::ready(verifier.is_ready()))
}

/// Subscribes to the bus.
fn subscribe(bus: &Bus, pool: &Pool, directory: &Directory, disruptions: DisruptionDesk) -> Consumers {
    let dead_letters = Arc::new(DeadLetters::new(pool.clone()));
    let feed = Arc::new(FlightFeed::new(pool.clone(), directory.clone(), disruptions));
    let follower = Arc::new(FlightFollower::new(directory.clone()));
    Consumers::new()
        .with(bus.subscribe(FlightFeed::subscription(), feed, dead_letters.clone()))
        .with(bus.subscribe(FlightFollower::subscription(), follower, dead_letters))
}

/// Binds and spawns the server.
fn serve(config: &Config, state: State) -> io::Result<(SocketAddr, ServerHandle)> {
    let settings = ServerSettings::behind_gateway(config.service.http_address, config.service.http_workers);
    shared::http::serve(settings, move || {
        let state = state.clone();
        App::new()
            .app_data(state.verifier)
            .app_data(state.health)
            .app_data(state.service_tokens)
            .app_data(state.access_tokens)
            .app_data(state.sales)
            .app_data(state.policy)
            .app_data(state.reading)
            .app_data(state.lookups)
            .app_data(state.feeds)
            .app_data(state.staff)
            .wrap(from_fn(shared::http::envelope))
            .configure(http::routes)
            .configure(shared::http::configure)
    })
}
