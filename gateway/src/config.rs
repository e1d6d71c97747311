//! The gateway's settings. Variables are `GATEWAY_<FIELD>`, or `AEROBUS_<FIELD>` for all services;
//! each also as `..._FILE`.

use crate::{
    actors::UpstreamSettings,
    domain::{limits::LimitSettings, waiting_room::AdmissionPolicy},
    http::TrustedProxies,
};
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de::Error};
use shared::{
    config::{ConfigError, ServiceConfig, load},
    db::DatabaseConfig,
};
use std::{net::SocketAddr, time::Duration};
use url::Url;

/// Characters that the signing key secret has at least.
const SECRET_LENGTH: usize = 32;

/// Tickets that a waiting room may admit a second.
const FASTEST_WAITING_ROOM: u32 = 100_000;

/// The gateway's configuration.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What every service has.
    #[serde(flatten)]
    pub service: ServiceConfig,

    /// `GATEWAY_SIGNING_KEY_SECRET`, required: the keys that sign access tokens are derived from it. It is the same
    /// on all instances, 32 characters at least. Another secret starts a new key and retires the old ones,
    /// whose tokens stay valid until they expire.
    pub signing_key_secret: SecretString,

    /// `GATEWAY_FLIGHT_URLS`, required: base addresses of the flight instances, such as
    /// `http://127.0.0.1:8081`, separated by commas. A host name stands for an instance at each of its addresses.
    #[serde(deserialize_with = "addresses")]
    pub flight_urls: Vec<Url>,
    /// `GATEWAY_BOOKING_URLS`, required: those of booking.
    #[serde(deserialize_with = "addresses")]
    pub booking_urls: Vec<Url>,
    /// `GATEWAY_MAILER_URLS`, required: those of the mailer.
    #[serde(deserialize_with = "addresses")]
    pub mailer_urls: Vec<Url>,
    /// `GATEWAY_UPSTREAM_TIMEOUT_MS`: how long a service may take until its answer begins, and between
    /// the parts of an answer, milliseconds. Longer than any service's own limits.
    pub upstream_timeout_ms: u64,
    /// `GATEWAY_RESOLVE_INTERVAL_MS`: how often host names of instances are resolved, milliseconds. One that has no
    /// address is tried each second.
    pub resolve_interval_ms: u64,
    /// `GATEWAY_UPSTREAM_REQUESTS`: requests of this gateway that an instance answers at once at most. Beyond it they
    /// go to another instance, and beyond all of them they get 503 at once. More than booking queues itself, since
    /// booking knows better whom to refuse.
    pub upstream_requests: usize,
    /// `GATEWAY_STREAMS`: streams of events that pass at once at most; more are refused.
    pub streams: usize,
    /// `GATEWAY_STREAMS_PER_CLIENT`: streams of one client address (of IPv6 the first 64 bits) at most; 0
    /// lifts the limit.
    pub streams_per_client: usize,
    /// `GATEWAY_STREAM_IDLE_MS`: how long a stream of events may be silent, milliseconds; longer than
    /// the services' heartbeats, which come each 15 seconds.
    pub stream_idle_ms: u64,

    /// `GATEWAY_BCRYPT_COST`: 4-31.
    pub bcrypt_cost: u32,
    /// `GATEWAY_BCRYPT_THREADS`: threads that hash passwords.
    pub bcrypt_threads: usize,
    /// `GATEWAY_BCRYPT_QUEUE`: passwords that may wait or be hashed at once; beyond them 503.
    pub bcrypt_queue: usize,
    /// `GATEWAY_BCRYPT_QUEUE_PER_CLIENT`: of them those that may wait of one client address (of IPv6 the first 64 bits).
    pub bcrypt_queue_per_client: usize,
    /// How much one client may ask, by class of route.
    #[serde(flatten)]
    pub limits: LimitSettings,

    /// `GATEWAY_WAITING_ROOM_RATE`: tickets that the waiting room of an overloaded flight admits a second, while booking
    /// reports no overload for them. 0: flights have no waiting rooms.
    pub waiting_room_rate: u32,
    /// `GATEWAY_WAITING_ROOM_STAY_MINUTES`: how long an admitted ticket is good for at least; twice that at most.
    pub waiting_room_stay_minutes: u32,

    /// `GATEWAY_TRUSTED_PROXIES`: addresses or networks (`10.0.0.0/8`) of proxies before the gateway,
    /// separated by commas, whose `X-Forwarded-For` names the client. Without any, the client is the peer of the
    /// connection.
    #[serde(deserialize_with = "proxies")]
    pub trusted_proxies: TrustedProxies,
    /// `GATEWAY_BEHIND_TLS`: whether clients reach the gateway by TLS only. Browsers are then told to use nothing else.
    /// They are told so, too, where a trusted proxy says `X-Forwarded-Proto: https`.
    pub behind_tls: bool,

    /// `GATEWAY_CORS_ORIGINS`: origins of web pages that may call, separated by commas,
    /// `https://book.example.org`.
    #[serde(deserialize_with = "texts")]
    pub cors_origins: Vec<String>,

    /// `GATEWAY_ADMIN_EMAIL`: the address of the first administrator, made at a start without any.
    pub admin_email: Option<String>,
    /// `GATEWAY_ADMIN_PASSWORD`: its password; both or none.
    pub admin_password: Option<SecretString>,
}

impl Default for Config {
    /// The one place of the defaults. [`Config::load`] refuses to go without what is required.
    fn default() -> Self {
        Self {
            service: ServiceConfig::default(),
            signing_key_secret: SecretString::default(),
            flight_urls: Vec::new(),
            booking_urls: Vec::new(),
            mailer_urls: Vec::new(),
            upstream_timeout_ms: 30_000,
            resolve_interval_ms: 5000,
            upstream_requests: 2048,
            streams: 10_000,
            streams_per_client: 100,
            stream_idle_ms: 45_000,
            bcrypt_cost: 12,
            bcrypt_threads: 1,
            bcrypt_queue: 64,
            bcrypt_queue_per_client: 4,
            limits: LimitSettings::default(),
            waiting_room_rate: 50,
            waiting_room_stay_minutes: 10,
            trusted_proxies: TrustedProxies::default(),
            behind_tls: false,
            cors_origins: Vec::new(),
            admin_email: None,
            admin_password: None,
        }
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = String::deserialize(deserializer)?;
    Ok(list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect())
}

fn proxies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrustedProxies, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Url>, D::Error> {
    let parse = |text: String| match Url::parse(&text) {
        Ok(url) if url.scheme() == "http" && url.has_host() && url.path() == "/" => Ok(url),
        _ => Err(D::Error::custom("expected http://host:port, separated by commas")),
    };
    let list = texts(deserializer)?;
    if list.is_empty() {
        return Err(D::Error::custom("at least one address is needed"));
    }
    list.into_iter().map(parse).collect()
}

impl Config {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with the variable's name.
    pub fn load() -> Result<Self, ConfigError> {
        let config: Self =
            load("GATEWAY", &[("http_address", "0.0.0.0:8080"), ("database_schema", "gateway")])?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let invalid = |variable: &str, reason: &str| {
            Err(ConfigError::Invalid { variable: format!("GATEWAY_{variable}"), reason: reason.to_owned() })
        };
        let secret = self.signing_key_secret.expose_secret();
        let missing = [
            ("SIGNING_KEY_SECRET", secret.is_empty()),
            ("FLIGHT_URLS", self.flight_urls.is_empty()),
            ("BOOKING_URLS", self.booking_urls.is_empty()),
            ("MAILER_URLS", self.mailer_urls.is_empty()),
        ];
        if let Some((variable, _)) = missing.into_iter().find(|(_, missing)| *missing) {
            return Err(ConfigError::Missing(format!("GATEWAY_{variable}")));
        }
        if secret.chars().count() < SECRET_LENGTH {
            return invalid("SIGNING_KEY_SECRET", "has fewer than 32 characters");
        }
        if self.upstream_requests == 0 {
            return invalid("UPSTREAM_REQUESTS", "is 0");
        }
        if !(4..=31).contains(&self.bcrypt_cost) {
            return invalid("BCRYPT_COST", "is not from 4 to 31");
        }
        if self.waiting_room_rate > FASTEST_WAITING_ROOM {
            return invalid("WAITING_ROOM_RATE", "is above 100000");
        }
        if self.waiting_room_stay_minutes == 0 {
            return invalid("WAITING_ROOM_STAY_MINUTES", "is not 1 at least");
        }
        if self.admin_email.is_some() != self.admin_password.is_some() {
            return Err(ConfigError::Missing(
                if self.admin_email.is_none() { "GATEWAY_ADMIN_EMAIL" } else { "GATEWAY_ADMIN_PASSWORD" }
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// A configuration with defaults around what has none, for the embedded mode and tests. The
    /// upstreams' addresses are set by the caller, in fields.
    #[must_use]
    pub fn embedded(
        http_address: SocketAddr,
        database: &DatabaseConfig,
        service_token_secret: SecretString,
        signing_key_secret: SecretString,
    ) -> Self {
        Self {
            service: ServiceConfig::embedded(http_address, database, service_token_secret),
            signing_key_secret,
            ..Self::default()
        }
    }

    /// How long a service may take.
    pub(crate) fn upstream_timeout(&self) -> Duration {
        Duration::from_millis(self.upstream_timeout_ms)
    }

    /// How the instances of the services are followed.
    pub(crate) fn upstreams(&self) -> UpstreamSettings {
        UpstreamSettings {
            resolve_interval: Duration::from_millis(self.resolve_interval_ms),
            most_requests: self.upstream_requests,
        }
    }

    /// How waiting rooms admit.
    pub(crate) fn waiting_rooms(&self) -> AdmissionPolicy {
        AdmissionPolicy {
            rate: self.waiting_room_rate,
            stay: TimeDelta::minutes(self.waiting_room_stay_minutes.into()),
        }
    }

    /// How long a stream of events may be silent.
    pub(crate) fn stream_idle(&self) -> Duration {
        Duration::from_millis(self.stream_idle_ms)
    }
}
