//! Wires database, actors and HTTP together.

use crate::{
    actors::{
        availability_feed::{self, SeatsFeed},
        catalogue::CatalogueHandle,
        catalogue_feed::{self, CatalogueFeed},
    },
    booking::BookingClient,
    config::Config,
    http::{self, Changes, SaleCurrency},
    store::{MIGRATIONS, stored_forms},
};
use actix_web::{App, dev::ServerHandle, middleware::from_fn, web};
use diesel::ConnectionError;
use shared::{
    auth::{ServiceTokens, Verifier},
    bus::{Bus, Consumers},
    db::{MigrateError, Pool, migrate},
    http::{ServerSettings, health::Health, metrics_server},
    outbox::{DeadLetters, Relay},
    service::{Running, ServiceContext},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

/// How long the start waits for the flights to be loaded; then it goes on, not ready yet.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

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
    #[error("an address cannot be listened on")]
    Listen(#[from] io::Error),
}

/// What the handlers share, whichever thread they run on.
#[derive(Clone)]
struct State {
    verifier: web::Data<Verifier>,
    health: web::Data<Health>,
    service_tokens: web::Data<ServiceTokens>,
    pool: web::Data<Pool>,
    catalogue: web::Data<CatalogueHandle>,
    changes: web::Data<Changes>,
    currency: web::Data<SaleCurrency>,
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
    let relay = Relay::start("flight", &database, context.bus.clone());

    let catalogue = CatalogueHandle::start(pool.clone());
    let consumers = subscribe(&context.bus, &pool, &catalogue);
    drop(tokio::time::timeout(LOAD_TIMEOUT, catalogue.loaded()).await);

    let verifier = Verifier::new(context.keys, &service.token_issuer, &service.token_audience);
    let health = health(&pool, &catalogue, &verifier);
    let state = State {
        verifier: web::Data::new(verifier),
        health: web::Data::new(health.clone()),
        service_tokens: web::Data::new(ServiceTokens::new(service.service_token_secret.clone())),
        pool: web::Data::new(pool.clone()),
        changes: web::Data::new(Changes::new(relay.clone(), catalogue.clone())),
        catalogue: web::Data::new(catalogue),
        currency: web::Data::new(SaleCurrency(config.sale_currency)),
    };
    let (address, server) = serve(&config, state)?;
    let mut running = Running::new("flight", address, server);
    if let Some(address) = service.metrics_address {
        let (_, server) = metrics_server(address)?;
        running = running.with_server(server.handle());
        actix_web::rt::spawn(server);
    }
    let stopping = running.before_stop(move || async move { health.drain() }).flush(relay.clone());
    Ok(stopping.after_stop(move || async move {
        consumers.stop().await;
        relay.stop().await;
        pool.close();
    }))
}

/// The bus is not among them: without it search and sales go on, and events wait in the outbox.
fn health(pool: &Pool, catalogue: &CatalogueHandle, verifier: &Verifier) -> Health {
    let (pool, catalogue, verifier) = (pool.clone(), catalogue.clone(), verifier.clone());
    Health::new()
        .needs("database", move || {
            let pool = pool.clone();
            async move { pool.is_healthy().await }
        })
        .needs("catalogue", move || std::future::ready(catalogue.index().is_some()))
        .needs("keys", move || std::future::ready(verifier.is_ready()))
}

/// Subscribes to the bus.
fn subscribe(bus: &Bus, pool: &Pool, catalogue: &CatalogueHandle) -> Consumers {
    let dead_letters = Arc::new(DeadLetters::new(pool.clone()));
    let to_catalogue = Arc::new(CatalogueFeed::new(catalogue.clone()));
    let to_table = Arc::new(SeatsFeed::start(pool.clone(), catalogue.clone()));
    Consumers::new()
        .with(bus.subscribe(catalogue_feed::subscription(), to_catalogue, dead_letters.clone()))
        .with(bus.subscribe(availability_feed::subscription(), to_table, dead_letters))
}

/// Binds and spawns the server.
fn serve(config: &Config, state: State) -> io::Result<(SocketAddr, ServerHandle)> {
    let booking_url = config.booking_url.clone();
    let settings = ServerSettings::behind_gateway(config.service.http_address, config.service.http_workers);
    shared::http::serve(settings, move || {
        let state = state.clone();
        let tokens = ServiceTokens::clone(&state.service_tokens);
        App::new()
            .app_data(state.verifier)
            .app_data(state.health)
            .app_data(state.service_tokens)
            .app_data(state.pool)
            .app_data(state.catalogue)
            .app_data(state.changes)
            .app_data(state.currency)
            // One a thread: clients cannot be shared.
            .app_data(web::Data::new(BookingClient::new(booking_url.clone(), tokens)))
            .wrap(from_fn(shared::http::envelope))
            .configure(http::routes)
            .configure(shared::http::configure)
    })
}
