//! What a service depends on beyond its own settings.

use crate::{
    auth::{KeySource, Verifier},
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    config::{ConfigError, ServiceConfig},
};

/// What a service depends on beyond its own settings: the real things, or in-process ones in the embedded mode.
#[derive(Clone)]
pub struct ServiceContext {
    /// The bus.
    pub bus: Bus,
    /// The gateway's public keys.
    pub keys: KeySource,
}

impl ServiceContext {
    /// Verifies the tokens of callers.
    #[must_use]
    pub fn verifier(&self, config: &ServiceConfig) -> Verifier {
        Verifier::new(self.keys.clone(), &config.token_issuer, &config.token_audience)
    }

    /// The real things that a service's own process is configured with: RabbitMQ, and the gateway's key
    /// set. Must be called on an actix arbiter.
    ///
    /// # Errors
    /// [`ConfigError`] where the address of one of them is missing or none.
    pub fn connect(service: &str, config: &ServiceConfig) -> Result<Self, ConfigError> {
        let bus = amqp(service, config)?;
        let url =
            config.jwks_url.clone().ok_or_else(|| ConfigError::Missing("AEROBUS_JWKS_URL".to_owned()))?;
        Ok(Self { bus, keys: KeySource::fetched(url) })
    }

    /// The same for the gateway, which fills the keys itself.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_gateway(config: &ServiceConfig) -> Result<Self, ConfigError> {
        Ok(Self { bus: amqp("gateway", config)?, keys: KeySource::in_process() })
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
