//! Wires database, actors and HTTP together, and gives each kind of work its thread.
//!
//! | thread | work |
//! |---|---|
//! | that of the caller | payments, the directory, the connections of requests |
//! | `bk-http-N` | HTTP |
//! | `bk-ledger-N` | allocators and the ledger of a shard |
//! | `bk-live` | live seat maps |
//! | `bk-documents` | tickets and calendars, at the lowest priority |
//! | `bk-follow` | what works in bulk and follows: relay, consumers of the bus, sweepers; at a lower priority |

use crate::{
    actors::{
        allocators::AllocatorLimits,
        arbiter::LastingArbiter,
        directory::Directory,
        disruption_desk::DisruptionDesk,
        document_renderer::DocumentRenderer,
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
    http::{self, AccessTokens, BookingDocuments, BookingReader, Lookups, RequestPolicy, StaffDeps},
    store::{MIGRATIONS, flight_cache::FlightCache, former_travellers},
};
use actix::ArbiterHandle;
use booking_engine::{ledger::queue::QueueBounds, sell::sales::SalesTerms};
use chrono::TimeDelta;
use documents::DocumentIssuer;
use secrecy::ExposeSecret;
use shared::{
    auth::ServiceTokens,
    bus::{Bus, Consumers},
    db::{DatabaseConfig, DbError, MigrateError, Plans, Pool, migrate},
    http::health::Health,
    operations::Operations,
    outbox::{DeadLetters, Relay, RelayHandle},
    service::{ListenError, Running, ServiceContext, WebServer},
    threads::{self, Priority},
};
use std::{io, sync::Arc, time::Duration};

/// Connections of what follows the bus: the feed of flights.
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
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A thread cannot be started.
    #[error("a thread could not be started")]
    Thread(#[from] io::Error),
    /// The payment provider is not configured as it must be.
    #[error("the payment provider cannot be used: {0}")]
    Provider(String),
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
    let follower = threads::arbiter("bk-follow".to_owned(), Priority::Followers)?;
    let (relay, followers) = start_relay(&follower.handle(), &database, &context.bus).await?;
    let refreshed = former_travellers::refresh(&pool).await?;
    if refreshed > 0 {
        tracing::info!(travellers.refreshed = refreshed, "Travellers of an earlier release were stored anew");
    }
    let provider = provider(&config, &pool)?;
    let flights = FlightCache::new(config.cached_flights);
    let shards = Shards::start(config.ledger_shards)?;
    let limits = AllocatorLimits {
        allocators: config.allocators,
        idle: Duration::from_millis(config.allocator_idle_ms.max(10)),
    };
    // A connection for requests that wait for a flight: others that wait for connections do not hold them up.
    let arrivals = Pool::new(&DatabaseConfig { pool_size: 1, ..database.planned(Plans::ByIndex) });
    let pools = (pool.clone(), arrivals.clone());
    let directory = Directory::start(pools, flights.clone(), shards.handles(), limits);
    let store = (&pool, &relay, &flights, &directory);
    let sales = start_actors(&config, &shards, store, provider);
    // Telling thousands must not keep the ledgers waiting.
    let live = LastingArbiter::start("bk-live")?;
    let feeds = seat_map_feeds(&config, &live, (&pool, &flights, &directory));
    let following = FollowerDeps {
        bus: context.bus.clone(),
        requests: pool.clone(),
        pool: followers.clone(),
        directory: directory.clone(),
        ledgers: sales.deps.ledgers.clone(),
        desk: sales.deps.desk.clone(),
        expiry_interval: Duration::from_millis(config.reap_ms.max(10)),
        disruption_interval: Duration::from_millis(config.disruption_sweep_ms.max(10)),
    };
    let dead_letters = DeadLetters::new(followers.clone());
    let of_followers = dead_letters.clone();
    let consumers =
        threads::run_on(&follower.handle(), async move || follow(following, &of_followers)).await?;

    let verifier = context.verifier(service);
    // The bus is not among what must be there: with the broker down bookings go on, and events wait.
    let following = follower.handle();
    let health = Health::new()
        .needs_database(&pool)
        .needs("followers", move || std::future::ready(following.alive()))
        .needs_keys(&verifier);
    let running = WebServer::new("booking", service, health)
        .share(verifier)
        .share(ServiceTokens::new(service.service_token_secret.clone()))
        .share(Operations::new("booking", &pool, &dead_letters, &relay))
        .share(AccessTokens::new(&service.service_token_secret))
        .share(sales.clone())
        .share(RequestPolicy {
            admission_timeout: config.admission_timeout(),
            require_verified_email: config.require_verified_email,
        })
        .share(BookingReader { pool: pool.clone(), flights })
        .share(Lookups::new())
        .share(relay.clone())
        .share(BookingDocuments {
            issuer: DocumentIssuer::new(&config.public_url),
            renderer: DocumentRenderer::start(),
        })
        .share(feeds.clone())
        .share(StaffDeps::new(database.clone(), relay.clone(), config.sale_currency))
        .serve(http::routes)?;
    let (ledgers, handed) = (sales.deps.ledgers.clone(), sales.clone());
    let stopping = running
        .before_stop(move || async move { feeds.end().await })
        .drain(move || async move {
            sales.deps.desk.finish().await;
            sales.deps.ledgers.drain().await;
        })
        .flush(relay.clone());
    let running = stopping.after_stop(move || async move {
        consumers.stop().await;
        // Repeated work ends when its pool is closed. The payment desk has finished already.
        pool.close();
        followers.close();
        arrivals.close();
        ledgers.drain().await;
        relay.stop().await;
        follower.stop();
        shards.stop();
        live.stop();
    });
    Ok((running, handed))
}

/// Starts the relay, and the connections of what follows the bus. They have their own: requests that wait for
/// connections do not keep flights from arriving.
async fn start_relay(
    follower: &ArbiterHandle,
    database: &DatabaseConfig,
    bus: &Bus,
) -> io::Result<(RelayHandle, Pool)> {
    let (database, bus) = (database.clone(), bus.clone());
    let start = async move || {
        let followers = DatabaseConfig { pool_size: FOLLOWERS, ..database.planned(Plans::ByIndex) };
        (Relay::start("booking", &database, bus), Pool::new(&followers))
    };
    threads::run_on(follower, start).await
}

/// Starts ledgers and payment desk; gives the sales that use them.
fn start_actors(
    config: &Config,
    shards: &Shards,
    (pool, relay, flights, directory): (&Pool, &RelayHandle, &FlightCache, &Directory),
    provider: SharedProvider,
) -> InstanceSales {
    let followers = CommitFollowers { directory: directory.clone(), relay: relay.clone() };
    let deps = LedgerDeps {
        database: config.service.database(),
        flights: flights.clone(),
        followers: Arc::new(followers),
        payment_grace: TimeDelta::minutes(config.payment_hold_minutes.into()),
    };
    let bounds = QueueBounds { batch: config.ledger_batch.max(1), waiting: config.ledger_queue.max(1) };
    let ledgers = Ledgers::start(shards, &deps, bounds, config.admission_timeout());
    let times = PaymentTimes {
        payment: config.payment_timeout(),
        idle: config.payment_idle(),
        sweep: Duration::from_millis(config.payment_sweep_ms.max(10)),
        places: config.payment_places,
    };
    let desk = PaymentDesk::start(provider, ledgers.clone(), pool.clone(), times);
    let deps = InstanceDeps { keys: StoredKeys(pool.clone()), directory: directory.clone(), ledgers, desk };
    let terms = SalesTerms { currency: config.sale_currency, max_hold_minutes: config.max_hold_minutes };
    InstanceSales::new(deps, terms)
}

/// Starts the payment provider's adapter.
fn provider(config: &Config, pool: &Pool) -> Result<SharedProvider, StartError> {
    let missing = |variable| StartError::Provider(format!("{variable} is not set"));
    let kind = config.payment_provider.ok_or_else(|| missing("BOOKING_PAYMENT_PROVIDER"))?;
    if kind == ProviderKind::Sandbox {
        return Ok(Arc::new(Sandbox::start(config.service.database().planned(Plans::ByIndex), pool.clone())));
    }
    let secret_key = config.stripe_secret_key.clone();
    let settings = StripeSettings {
        base_url: config.stripe_base_url.clone(),
        // Deployments may pass on a variable that nobody has set.
        secret_key: secret_key
            .filter(|key| !key.expose_secret().is_empty())
            .ok_or_else(|| missing("BOOKING_STRIPE_SECRET_KEY"))?,
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

/// What works in bulk and follows commits, flights and the clock.
struct FollowerDeps {
    bus: Bus,
    /// The connections of requests: repeated work ends when they are closed.
    requests: Pool,
    pool: Pool,
    directory: Directory,
    ledgers: Ledgers,
    desk: PaymentDesk,
    expiry_interval: Duration,
    disruption_interval: Duration,
}

/// Starts repeated work on the present arbiter, and subscribes to the bus.
fn follow(deps: FollowerDeps, dead_letters: &DeadLetters) -> Consumers {
    let FollowerDeps { bus, requests, pool, directory, ledgers, desk, .. } = deps;
    expiry_sweeper::start(requests.clone(), ledgers.clone(), deps.expiry_interval);
    housekeeping::start(requests.clone());
    version_poll::start(bus.clone(), requests.clone(), directory.clone());
    let disruptions = DisruptionDesk::start(requests, ledgers, desk, deps.disruption_interval);
    let feed = Arc::new(FlightFeed::new(pool, directory.clone(), disruptions));
    let follower = Arc::new(FlightFollower::new(directory));
    Consumers::new()
        .with(dead_letters.subscribe(&bus, FlightFeed::subscription(), feed))
        .with(dead_letters.subscribe(&bus, FlightFollower::subscription(), follower))
}
