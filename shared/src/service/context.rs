//! What a service depends on beyond its own settings.

use crate::{
    auth::{KeySource, RevocationFeed, RevocationList, ServiceTokens, Verifier},
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    config::{ConfigError, ServiceConfig},
};
use url::Url;

/// What a service depends on beyond its own settings: the real things, or in-process ones in the embedded mode.
#[derive(Clone)]
pub struct ServiceContext {
    /// The bus.
    pub bus: Bus,
    /// The gateway's public keys.
    pub keys: KeySource,
    /// What the gateway has revoked.
    pub revocations: RevocationList,
}

impl ServiceContext {
    /// Of a bus and of keys; the list of what was revoked is filled by whoever fills the keys.
    #[must_use]
    pub fn new(bus: Bus, keys: KeySource) -> Self {
        Self { bus, keys, revocations: RevocationList::in_process() }
    }

    /// Verifies the tokens of callers.
    #[must_use]
    pub fn verifier(&self, config: &ServiceConfig) -> Verifier {
        let verifier = Verifier::new(self.keys.clone(), &config.token_issuer, &config.token_audience);
        verifier.with_revocations(self.revocations.clone())
    }

    /// The real things that a service's own process is configured with: RabbitMQ, the gateway's key set, and its list
    /// of what was revoked, at the same origin. They are kept up to date until the bus is closed. Must be called on an
    /// actix arbiter.
    ///
    /// # Errors
    /// [`ConfigError`] where the address of one of them is missing or none.
    pub fn connect(service: &str, config: &ServiceConfig) -> Result<Self, ConfigError> {
        let bus = amqp(service, config)?;
        let variable = || "AEROBUS_JWKS_URL".to_owned();
        let url = config.jwks_url.clone().ok_or_else(|| ConfigError::Missing(variable()))?;
        let invalid =
            |error: url::ParseError| ConfigError::Invalid { variable: variable(), reason: error.to_string() };
        let gateway = Url::parse(&url).map_err(invalid)?;
        let revocations = RevocationList::unfilled();
        let tokens = ServiceTokens::new(config.service_token_secret.clone());
        // The feed ends with the process.
        RevocationFeed::of_gateway(service, revocations.clone(), bus.clone(), &gateway, tokens)
            .map_err(invalid)?;
        Ok(Self { bus, keys: KeySource::fetched(url), revocations })
    }

    /// The same for the gateway, which fills the keys itself.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_gateway(config: &ServiceConfig) -> Result<Self, ConfigError> {
        Ok(Self::new(amqp("gateway", config)?, KeySource::in_process()))
    }
}

fn amqp(service: &str, config: &ServiceConfig) -> Result<Bus, ConfigError> {
    let variable = || "AEROBUS_AMQP_URL".to_owned();
    let url = config.amqp_url.clone().ok_or_else(|| ConfigError::Missing(variable()))?;
    let settings = AmqpConfig {
        prefix: config.amqp_prefix.clone(),
        queues: queues::ALL,
        ..AmqpConfig::new(url, service)
    };
    let amqp = Amqp::connect(&settings)
        .map_err(|error| ConfigError::Invalid { variable: variable(), reason: error.to_string() })?;
    Ok(Bus::new(amqp))
}
