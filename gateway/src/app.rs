//! Wires database, actors and HTTP together.

use crate::{
    actors::{ExpirySweeper, HashError, KeyRing, KeyRingError, PasswordHasher, Upstreams},
    config::Config,
    domain::auth_rate_limiter::AuthRateLimiter,
    http::{self, AllowedOrigins, EventStreamLimit, MergedOpenApi, ProxyClient},
    identity::{AccessTokenIssuer, AdministratorError, IdentityService, ensure_administrator},
    store::MIGRATIONS,
};
use actix_web::{App, dev::ServerHandle, middleware::from_fn, web};
use shared::{
    auth::{GATEWAY, LastingToken, ServiceTokens, Verifier},
    db::{MigrateError, Pool, migrate},
    http::{ServerSettings, TrustedProxies, health::Health, metrics_server},
    outbox::Relay,
    service::{Running, ServiceContext},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

/// How long a client may take to send its headers, and how long it may stay idle.
const CLIENT_REQUEST: Duration = Duration::from_secs(10);
const CLIENT_KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema could not be brought up to date.
    #[error("the gateway's schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    /// There are no signing keys.
    #[error("there are no signing keys")]
    Keys(#[from] KeyRingError),
    /// Passwords cannot be hashed.
    #[error("passwords cannot be hashed")]
    Hash(#[from] HashError),
    /// There is no administrator.
    #[error("there is no administrator")]
    Administrator(#[from] AdministratorError),
    /// An address cannot be listened on.
    #[error("an address cannot be listened on")]
    Listen(#[from] io::Error),
}

/// The data of the handlers, which all threads share.
#[derive(Clone)]
struct HandlerData {
    verifier: web::Data<Verifier>,
    health: web::Data<Health>,
    service_token: web::Data<LastingToken>,
    identity: web::Data<IdentityService>,
    keys: web::Data<KeyRing>,
    upstreams: web::Data<Upstreams>,
    origins: web::Data<AllowedOrigins>,
    rate_limiter: web::Data<AuthRateLimiter>,
    proxies: web::Data<TrustedProxies>,
    documentation: web::Data<MergedOpenApi>,
}

/// Starts the gateway on the present actix system. The keys of `context` are filled before it
/// returns, so services in the same process can verify at once.
///
/// # Errors
/// [`StartError`].
pub async fn start(config: Config, context: ServiceContext) -> Result<Running, StartError> {
    let service = &config.service;
    let database = service.database();
    migrate(&database, MIGRATIONS).await?;
    let pool = Pool::new(&database);
    let relay = Relay::start("gateway", &database, context.bus);

    let keys = KeyRing::start(pool.clone(), config.signing_key_secret.clone(), context.keys.clone()).await?;
    let hasher = PasswordHasher::start(config.bcrypt_cost, config.bcrypt_threads, config.bcrypt_queue)?;
    let issuer = AccessTokenIssuer::new(keys.clone(), &service.token_issuer, &service.token_audience);
    let identity = IdentityService { pool: pool.clone(), hasher, issuer, relay: relay.clone() };
    if let (Some(email), Some(password)) = (&config.admin_email, &config.admin_password)
        && ensure_administrator(&identity, email, password).await?
    {
        tracing::info!("The first administrator was made");
    }
    let rate_limiter = Arc::new(AuthRateLimiter::new(config.auth_rate_per_minute));
    let sweeper = ExpirySweeper::start(pool.clone(), Arc::clone(&rate_limiter));
    let upstreams =
        Upstreams::start(config.flight_urls.clone(), config.booking_urls.clone(), config.mailer_urls.clone());

    let checked = pool.clone();
    let health = Health::new().needs("database", move || {
        let pool = checked.clone();
        async move { pool.is_healthy().await }
    });
    let data = HandlerData {
        verifier: web::Data::new(Verifier::new(context.keys, &service.token_issuer, &service.token_audience)),
        health: web::Data::new(health.clone()),
        service_token: web::Data::new(LastingToken::new(
            ServiceTokens::new(service.service_token_secret.clone()),
            GATEWAY,
        )),
        identity: web::Data::new(identity),
        keys: web::Data::new(keys.clone()),
        upstreams: web::Data::new(upstreams.clone()),
        origins: web::Data::new(AllowedOrigins(config.cors_origins.clone())),
        rate_limiter: web::Data::from(rate_limiter),
        proxies: web::Data::new(config.trusted_proxies.clone()),
        documentation: web::Data::new(MergedOpenApi::new(&http::document())),
    };
    let streams = EventStreamLimit::new(config.streams, config.streams_per_client);
    let (address, server) = serve(&config, data, &streams)?;
    let mut running = Running::new("gateway", address, server);
    if let Some(address) = service.metrics_address {
        let (_, server) = metrics_server(address)?;
        running = running.with_server(server.handle());
        actix_web::rt::spawn(server);
    }
    let stopping = running
        .before_stop(move || async move {
            health.drain();
            streams.end();
        })
        .flush(relay.clone());
    Ok(stopping.after_stop(move || async move {
        upstreams.stop().await;
        keys.stop().await;
        sweeper.stop().await;
        relay.stop().await;
        pool.close();
    }))
}

/// Binds and spawns the server.
fn serve(
    config: &Config,
    data: HandlerData,
    streams: &EventStreamLimit,
) -> io::Result<(SocketAddr, ServerHandle)> {
    let (timeout, idle) = (config.upstream_timeout(), config.stream_idle());
    let streams = streams.clone();
    let settings = ServerSettings {
        address: config.service.http_address,
        workers: config.service.http_workers,
        request_head: CLIENT_REQUEST,
        keep_alive: CLIENT_KEEP_ALIVE,
    };
    shared::http::serve(settings, move || {
        let data = data.clone();
        App::new()
            .app_data(data.verifier)
            .app_data(data.health)
            .app_data(data.service_token)
            .app_data(data.identity)
            .app_data(data.keys)
            .app_data(data.upstreams)
            .app_data(data.origins)
            .app_data(data.rate_limiter)
            .app_data(data.proxies)
            .app_data(data.documentation)
            // One a thread: clients cannot be shared.
            .app_data(web::Data::new(ProxyClient::new(timeout, idle, streams.clone())))
            .wrap(from_fn(http::request_limits))
            .wrap(from_fn(http::compression))
            .wrap(from_fn(http::cors))
            .wrap(from_fn(shared::http::envelope))
            .configure(http::routes)
            .configure(shared::http::configure)
            .default_service(web::to(http::forward))
    })
}
