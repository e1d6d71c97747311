//! The gateway's settings. Variables are `GATEWAY_<FIELD>`, or `AEROBUS_<FIELD>` for all services;
//! each also as `..._FILE`.

use crate::http::TrustedProxies;
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

/// The gateway's configuration.
#[derive(Clone, Deserialize)]
pub struct Config {
    /// What every service has.
    #[serde(flatten)]
    pub service: ServiceConfig,

    /// `GATEWAY_SIGNING_KEY_SECRET`: the keys that sign access tokens are derived from it, the same on
    /// all instances, 32 characters at least. Another one starts a new key and retires the old
    /// ones, whose tokens stay good until they expire.
    pub signing_key_secret: SecretString,

    /// `GATEWAY_FLIGHT_URLS`: base addresses of the flight instances, separated by commas,
    /// `http://127.0.0.1:8081`.
    #[serde(deserialize_with = "addresses")]
    pub flight_urls: Vec<Url>,
    /// `GATEWAY_BOOKING_URLS`: those of booking.
    #[serde(deserialize_with = "addresses")]
    pub booking_urls: Vec<Url>,
    /// `GATEWAY_MAILER_URLS`: those of the mailer.
    #[serde(deserialize_with = "addresses")]
    pub mailer_urls: Vec<Url>,
    /// `GATEWAY_UPSTREAM_TIMEOUT_MS`: how long a service may take until its answer begins, and between
    /// the parts of an answer, milliseconds. Longer than any service's own limits. 30000.
    #[serde(default = "default_upstream_timeout")]
    pub upstream_timeout_ms: u64,
    /// `GATEWAY_STREAMS`: streams of events that pass at once at most; more are refused. 10000.
    #[serde(default = "default_streams")]
    pub streams: usize,
    /// `GATEWAY_STREAMS_PER_CLIENT`: of them those of one client address (of IPv6 the first 64 bits); 0
    /// lifts the limit. 100.
    #[serde(default = "default_streams_per_client")]
    pub streams_per_client: usize,
    /// `GATEWAY_STREAM_IDLE_MS`: how long a stream of events may be silent, milliseconds; longer than
    /// the services' heartbeats, which come each 15 seconds. 45000.
    #[serde(default = "default_stream_idle")]
    pub stream_idle_ms: u64,

    /// `GATEWAY_BCRYPT_COST`: 4-31; 12.
    #[serde(default = "default_bcrypt_cost")]
    pub bcrypt_cost: u32,
    /// `GATEWAY_BCRYPT_THREADS`: threads that hash passwords; 1.
    #[serde(default = "default_bcrypt_threads")]
    pub bcrypt_threads: usize,
    /// `GATEWAY_BCRYPT_QUEUE`: passwords that may wait or be hashed at once; beyond them 503. 64.
    #[serde(default = "default_bcrypt_queue")]
    pub bcrypt_queue: usize,
    /// `GATEWAY_AUTH_RATE_PER_MINUTE`: requests to `/auth` per client address and minute; 0 lifts the
    /// limit. 300.
    #[serde(default = "default_auth_rate")]
    pub auth_rate_per_minute: u32,

    /// `GATEWAY_TRUSTED_PROXIES`: addresses or networks (`10.0.0.0/8`) of proxies before the gateway,
    /// separated by commas, whose `X-Forwarded-For` names the client; none by default, and then the
    /// client is who connects.
    #[serde(default, deserialize_with = "proxies")]
    pub trusted_proxies: TrustedProxies,

    /// `GATEWAY_CORS_ORIGINS`: origins of web pages that may call, separated by commas,
    /// `https://book.example.org`; none by default.
    #[serde(default, deserialize_with = "texts")]
    pub cors_origins: Vec<String>,

    /// `GATEWAY_ADMIN_EMAIL`: the address of the first administrator, made at a start without any.
    #[serde(default)]
    pub admin_email: Option<String>,
    /// `GATEWAY_ADMIN_PASSWORD`: its password; both or none.
    #[serde(default)]
    pub admin_password: Option<SecretString>,
}

fn default_upstream_timeout() -> u64 {
    30_000
}

fn default_streams() -> usize {
    10_000
}

fn default_streams_per_client() -> usize {
    100
}

fn default_stream_idle() -> u64 {
    45_000
}

fn default_bcrypt_cost() -> u32 {
    12
}

fn default_bcrypt_threads() -> usize {
    1
}

fn default_bcrypt_queue() -> usize {
    64
}

fn default_auth_rate() -> u32 {
    300
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
        if self.signing_key_secret.expose_secret().chars().count() < SECRET_LENGTH {
            return invalid("SIGNING_KEY_SECRET", "has fewer than 32 characters");
        }
        if !(4..=31).contains(&self.bcrypt_cost) {
            return invalid("BCRYPT_COST", "is not from 4 to 31");
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
            flight_urls: Vec::new(),
            booking_urls: Vec::new(),
            mailer_urls: Vec::new(),
            upstream_timeout_ms: default_upstream_timeout(),
            streams: default_streams(),
            streams_per_client: default_streams_per_client(),
            stream_idle_ms: default_stream_idle(),
            bcrypt_cost: default_bcrypt_cost(),
            bcrypt_threads: default_bcrypt_threads(),
            bcrypt_queue: default_bcrypt_queue(),
            auth_rate_per_minute: default_auth_rate(),
            trusted_proxies: TrustedProxies::default(),
            cors_origins: Vec::new(),
            admin_email: None,
            admin_password: None,
        }
    }

    /// How long a service may take.
    #[must_use]
    pub fn upstream_timeout(&self) -> Duration {
        Duration::from_millis(self.upstream_timeout_ms)
    }

    /// How long a stream of events may be silent.
    #[must_use]
    pub fn stream_idle(&self) -> Duration {
        Duration::from_millis(self.stream_idle_ms)
    }
}
