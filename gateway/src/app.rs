//! Wires database, actors and HTTP together.

use crate::{
    actors::{
        AuditRecorder, ExpirySweeper, HashError, KeyRing, KeyRingError, PasswordHasher, Upstreams,
        WaitingRooms,
    },
    config::Config,
    domain::{queue_ticket::TicketSigner, totp::TotpVault},
    http::{
        self, AllowedOrigins, BehindTls, EventStreamLimit, ExchangedTokens, InternalClient, MergedOpenApi,
        OwnAddress, ProxyClient, RequestLimiter,
    },
    identity::{
        AccessTokenIssuer, AdministratorError, ErasureFollower, IdentityService, ensure_administrator,
    },
    personal_data::PersonalDataClient,
    store::{
        MIGRATIONS,
        audit_log::{self, AuditRights},
        revocations,
    },
};
use actix_web::{App, middleware::from_fn, web};
use shared::{
    auth::{GATEWAY, LastingToken, RecentRevocations, RevocationFeed, ServiceTokens},
    bus::{Bus, Consumers},
    db::{DatabaseConfig, DbError, MigrateError, Pool, migrate},
    http::health::Health,
    operations::Operations,
    outbox::{DeadLetters, Relay, RelayHandle},
    service::{ListenError, Running, ServiceContext, WebServer},
    threads::{self, Priority},
};
use std::{io, sync::Arc, time::Duration};

/// How long a client may take to send its headers, and how long it may stay idle.
const CLIENT_HEADERS: Duration = Duration::from_secs(10);
const CLIENT_KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Connections of what follows the bus: the audit log.
const FOLLOWERS: usize = 2;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema could not be brought up to date.
    #[error("the gateway's schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    /// The audit log is not there.
    #[error(
        "there is no audit log that this role may read and append to: an administrator of the database has to run migrations/audit/provision.sql (docs/operations.md)"
    )]
    NoAuditLog,
    /// There are no signing keys.
    #[error("there are no signing keys")]
    Keys(#[from] KeyRingError),
    /// What was revoked cannot be read.
    #[error("what was revoked cannot be read")]
    Revocations(#[from] DbError),
    /// Passwords cannot be hashed.
    #[error("passwords cannot be hashed")]
    Hash(#[from] HashError),
    /// There is no administrator.
    #[error("there is no administrator")]
    Administrator(#[from] AdministratorError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A thread cannot be started.
    #[error("a thread could not be started")]
    Thread(#[from] io::Error),
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
    check_audit_log(&pool).await?;
    let follower = threads::arbiter("gw-follow".to_owned(), Priority::Followers)?;
    let (followed, bus) = (database.clone(), context.bus.clone());
    let Following { relay, pool: followers, dead_letters, consumers } =
        threads::run_on(&follower.handle(), async move || follow(&followed, &bus)).await?;

    let keys = KeyRing::start(pool.clone(), config.signing_key_secret.clone(), context.keys.clone()).await?;
    let hasher = PasswordHasher::start(config.bcrypt_cost, config.bcrypt_threads, config.bcrypt_queue)?
        .with_queue_per_client(config.bcrypt_queue_per_client);
    let issuer = AccessTokenIssuer::new(keys.clone(), &service.token_issuer, &service.token_audience);
    let totp = TotpVault::new(&config.signing_key_secret);
    let identity = IdentityService { totp, pool: pool.clone(), hasher, issuer, relay: relay.clone() };
    if let (Some(email), Some(password)) = (&config.admin_email, &config.admin_password)
        && ensure_administrator(&identity, email, password).await?
    {
        tracing::info!("The first administrator was made");
    }
    let limiter = Arc::new(RequestLimiter::new(&config.limits));
    let sweeper = ExpirySweeper::start(pool.clone(), Arc::clone(&limiter));
    let instances = (&*config.flight_urls, &*config.booking_urls, &*config.mailer_urls);
    let upstreams = Upstreams::start(instances, config.upstreams()).await;

    let tickets = TicketSigner::derive(&config.signing_key_secret);
    let waiting_rooms = WaitingRooms::start(pool.clone(), &database, tickets, config.waiting_rooms());

    let revocations = follow_revocations(&context, &pool).await?;
    let verifier = context.verifier(service);
    let service_tokens = ServiceTokens::new(service.service_token_secret.clone());
    let of_clients = service_tokens.clone();
    let (asked, tokens) = (upstreams.clone(), service_tokens.clone());
    let personal_data = move || PersonalDataClient::new(asked.clone(), tokens.clone());
    let erasures = ErasureFollower::start(identity.clone(), personal_data());
    let streams = EventStreamLimit::new(config.streams, config.streams_per_client);
    let (timeout, stream_idle, proxied) = (config.upstream_timeout(), config.stream_idle(), streams.clone());
    let following = follower.handle();
    let health =
        Health::new().needs_database(&pool).needs("followers", move || std::future::ready(following.alive()));
    let own_address = OwnAddress::default();
    let running = WebServer::new("gateway", service, health)
        .with_timeouts(CLIENT_HEADERS, CLIENT_KEEP_ALIVE)
        .share(verifier)
        .share(LastingToken::new(service_tokens.clone(), GATEWAY))
        .share(service_tokens)
        .share(ExchangedTokens::default())
        .share(BehindTls(config.behind_tls))
        .share(identity)
        .share(Operations::new("gateway", &pool, &dead_letters, &relay))
        .share(own_address.clone())
        .share(pool.clone())
        .share(keys.clone())
        .share(upstreams.clone())
        .share(waiting_rooms.clone())
        .share(AllowedOrigins(config.cors_origins.clone()))
        .share_data(web::Data::from(limiter))
        .share(config.trusted_proxies.clone())
        .share(MergedOpenApi::new(&http::document()))
        .for_each_worker(move || InternalClient::new(of_clients.clone()))
        .for_each_worker(move || ProxyClient::new(timeout, stream_idle, proxied.clone()))
        .for_each_worker(personal_data)
        .serve_app(http::routes, |parts| {
            App::new()
                .wrap(from_fn(http::dispatch))
                .wrap(from_fn(http::request_limits))
                .wrap(from_fn(http::compression))
                .wrap(from_fn(http::limits))
                .wrap(from_fn(http::cors))
                .wrap(from_fn(shared::http::envelope))
                .wrap(from_fn(http::security_headers))
                .configure(|config| parts.add_to(config))
        })?;
    own_address.set(running.address);
    Ok(running.before_stop(move || async move { streams.end() }).flush(relay.clone()).after_stop(
        move || async move {
            consumers.stop().await;
            erasures.stop().await;
            upstreams.stop().await;
            waiting_rooms.stop().await;
            revocations.stop().await;
            keys.stop().await;
            sweeper.stop().await;
            relay.stop().await;
            pool.close();
            followers.close();
            follower.stop();
        },
    ))
}

/// Fills the list of what was revoked, and keeps it in step with the other instances.
async fn follow_revocations(context: &ServiceContext, pool: &Pool) -> Result<RevocationFeed, DbError> {
    context.revocations.fill(recent_revocations(pool).await?);
    let (list, bus, pool) = (context.revocations.clone(), context.bus.clone(), pool.clone());
    Ok(RevocationFeed::start(GATEWAY, list, bus, async move || recent_revocations(&pool).await))
}

async fn recent_revocations(pool: &Pool) -> Result<RecentRevocations, DbError> {
    Ok(revocations::recent(&mut *pool.get().await?).await?)
}

/// What follows the bus, on a thread of its own.
struct Following {
    relay: RelayHandle,
    pool: Pool,
    dead_letters: DeadLetters,
    consumers: Consumers,
}

/// Starts the relay on the present arbiter, and subscribes to the bus.
fn follow(database: &DatabaseConfig, bus: &Bus) -> Following {
    let relay = Relay::start("gateway", database, bus.clone());
    let pool = Pool::new(&DatabaseConfig { pool_size: FOLLOWERS, ..database.clone() });
    let dead_letters = DeadLetters::new(pool.clone());
    let recorder = Arc::new(AuditRecorder::new(pool.clone()));
    let consumers =
        Consumers::new().with(dead_letters.subscribe(bus, AuditRecorder::subscription(), recorder));
    Following { relay, pool, dead_letters, consumers }
}

/// Sees to it that the audit log is there, and tells where it proves less than it should.
async fn check_audit_log(pool: &Pool) -> Result<(), StartError> {
    let rights = audit_log::rights(&mut *pool.get().await?).await.map_err(DbError::from)?;
    match rights {
        AuditRights::AppendOnly => Ok(()),
        AuditRights::Excessive => {
            tracing::warn!("The gateway's role may change the audit log: give the log to a role of its own");
            Ok(())
        }
        AuditRights::Missing => Err(StartError::NoAuditLog),
    }
}
