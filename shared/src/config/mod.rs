//! The parts of configuration that every service has, read from the environment.
//!
//! A variable may be given as `<NAME>_FILE` too: then the named file's content is the value, as
//! secrets are mounted on clusters. A variable of the service's own prefix (`BOOKING_AMQP_URL`) goes
//! before the common one (`AEROBUS_AMQP_URL`).

mod load;

pub use load::{ConfigError, load};

use crate::{
    db::{DatabaseConfig, Plans},
    telemetry::LogFormat,
};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use serde::Deserialize;
use std::net::SocketAddr;

/// What every service needs. `docs/configuration.md` lists the variables; a service's own prefix goes before `AEROBUS_`.
///
/// [`load`] refuses to go without what is required.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct ServiceConfig {
    /// `AEROBUS_HTTP_ADDRESS`: where HTTP listens; port 0 takes a free one. Each service has its own.
    pub http_address: SocketAddr,
    /// `AEROBUS_HTTP_WORKERS`: threads that serve HTTP.
    pub http_workers: usize,
    /// `AEROBUS_METRICS_ADDRESS`: where `GET /metrics` listens; absent: nowhere.
    pub metrics_address: Option<SocketAddr>,
    /// `AEROBUS_DATABASE_URL`, required: the service's own role on PostgreSQL.
    pub database_url: SecretString,
    /// `AEROBUS_DATABASE_SCHEMA`: the service's schema. Each service has its own.
    pub database_schema: String,
    /// `AEROBUS_DATABASE_POOL_SIZE`: connections at most.
    pub database_pool_size: usize,
    /// `AEROBUS_AMQP_URL`: RabbitMQ; absent only in the embedded mode, where the bus is in the process.
    pub amqp_url: Option<SecretString>,
    /// `AEROBUS_AMQP_PREFIX`: put before the names of exchange and queues, so that installations can share a broker.
    pub amqp_prefix: String,
    /// `AEROBUS_JWKS_URL`: where the gateway's key set is; absent only in the gateway itself and in the embedded mode.
    pub jwks_url: Option<String>,
    /// `AEROBUS_SERVICE_TOKEN_SECRET`, required: signs the calls between services; the same for all of them, 32
    /// characters at least.
    pub service_token_secret: SecretString,
    /// `AEROBUS_TOKEN_ISSUER`: `iss` of access tokens.
    pub token_issuer: String,
    /// `AEROBUS_TOKEN_AUDIENCE`: `aud` of access tokens.
    pub token_audience: String,
    /// `AEROBUS_LOG_FORMAT`: how log lines look.
    pub log_format: LogFormat,
    /// `AEROBUS_LOG_FILTER`: what is logged, in the syntax of `tracing`.
    pub log_filter: String,
}

impl Default for ServiceConfig {
    /// The one place of the defaults. The secret fits no other service.
    fn default() -> Self {
        Self {
            http_address: SocketAddr::from(([127, 0, 0, 1], 0)),
            http_workers: std::thread::available_parallelism().map_or(2, usize::from),
            metrics_address: None,
            database_url: SecretString::default(),
            database_schema: String::new(),
            database_pool_size: 8,
            amqp_url: None,
            amqp_prefix: String::new(),
            jwks_url: None,
            service_token_secret: Alphanumeric.sample_string(&mut rand::rng(), 48).into(),
            token_issuer: "https://aerobus.dev".to_owned(),
            token_audience: "aerobus".to_owned(),
            log_format: LogFormat::Json,
            log_filter: "info".to_owned(),
        }
    }
}

impl ServiceConfig {
    /// A configuration with defaults around what has none: for the embedded mode and tests.
    #[must_use]
    pub fn embedded(
        http_address: SocketAddr,
        database: &DatabaseConfig,
        service_token_secret: SecretString,
    ) -> Self {
        Self {
            http_address,
            http_workers: 1,
            database_url: database.url.clone(),
            database_schema: database.schema.clone(),
            database_pool_size: database.pool_size,
            service_token_secret,
            log_format: LogFormat::Text,
            ..Self::default()
        }
    }

    /// The service's part of the database.
    #[must_use]
    pub fn database(&self) -> DatabaseConfig {
        DatabaseConfig {
            url: self.database_url.clone(),
            schema: self.database_schema.clone(),
            pool_size: self.database_pool_size,
            plans: Plans::default(),
        }
    }
}
