//! The parts of configuration that every service has, read from the environment.
//!
//! A variable may be given as `<NAME>_FILE` too: then the named file's content is the value, as
//! secrets are mounted on clusters. A variable of the service's own prefix (`BOOKING_AMQP_URL`) goes
//! before the common one (`AEROBUS_AMQP_URL`).

use crate::{
    db::{DatabaseConfig, Plans},
    telemetry::LogFormat,
};
use figment::{Figment, error::Kind, providers::Serialized};
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, env, fs, net::SocketAddr};

/// Characters that the secret of service tokens has at least.
const SECRET_LENGTH: usize = 32;

/// Why a service has no configuration. Names the variable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable without a default is not set.
    #[error("{0} is not set")]
    Missing(String),
    /// A variable cannot be read as what it is.
    #[error("{variable} is invalid: {reason}")]
    Invalid {
        /// Its name.
        variable: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// A `_FILE` variable names a file that cannot be read.
    #[error("the file that {variable} names cannot be read")]
    File {
        /// Its name.
        variable: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What every service needs. `docs/configuration.md` lists the variables.
#[derive(Clone, Deserialize)]
pub struct ServiceConfig {
    /// Where HTTP listens; port 0 takes a free one.
    pub http_address: SocketAddr,
    /// Threads that serve HTTP.
    #[serde(default = "default_workers")]
    pub http_workers: usize,
    /// Where `GET /metrics` listens; absent: nowhere.
    #[serde(default)]
    pub metrics_address: Option<SocketAddr>,
    /// The service's own role on PostgreSQL.
    pub database_url: SecretString,
    /// The service's schema; its name by default.
    pub database_schema: String,
    /// Connections at most.
    #[serde(default = "default_pool_size")]
    pub database_pool_size: usize,
    /// RabbitMQ; absent only in the embedded mode, where the bus is in the process.
    #[serde(default)]
    pub amqp_url: Option<SecretString>,
    /// Put before the names of exchange and queues, so that installations can share a broker.
    #[serde(default)]
    pub amqp_prefix: String,
    /// Where the gateway's key set is; absent only in the gateway itself and in the embedded mode.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// Signs the calls between services; the same for all of them, 32 characters at least.
    pub service_token_secret: SecretString,
    /// `iss` of access tokens.
    #[serde(default = "default_issuer")]
    pub token_issuer: String,
    /// `aud` of access tokens.
    #[serde(default = "default_audience")]
    pub token_audience: String,
    /// How log lines look.
    #[serde(default)]
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `tracing`.
    #[serde(default = "default_log_filter")]
    pub log_filter: String,
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

fn default_pool_size() -> usize {
    8
}

fn default_issuer() -> String {
    "https://aerobus.dev".to_owned()
}

fn default_audience() -> String {
    "aerobus".to_owned()
}

fn default_log_filter() -> String {
    "info".to_owned()
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
            metrics_address: None,
            database_url: database.url.clone(),
            database_schema: database.schema.clone(),
            database_pool_size: database.pool_size,
            amqp_url: None,
            amqp_prefix: String::new(),
            jwks_url: None,
            service_token_secret,
            token_issuer: default_issuer(),
            token_audience: default_audience(),
            log_format: LogFormat::Text,
            log_filter: default_log_filter(),
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

/// Reads a service's configuration: `defaults`, then `AEROBUS_*`, then the service's own prefix
/// (`BOOKING`).
///
/// # Errors
/// [`ConfigError`] with the variable's name.
pub fn load<T: DeserializeOwned>(service: &str, defaults: &[(&str, &str)]) -> Result<T, ConfigError> {
    read(service, defaults, env::vars())
}

fn read<T: DeserializeOwned>(
    service: &str,
    defaults: &[(&str, &str)],
    variables: impl Iterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let own = format!("{service}_");
    let mut common = BTreeMap::new();
    let mut specific = BTreeMap::new();
    for (name, value) in variables {
        let (target, key) = match (name.strip_prefix(&own), name.strip_prefix("AEROBUS_")) {
            (Some(key), _) => (&mut specific, key),
            (None, Some(key)) => (&mut common, key),
            (None, None) => continue,
        };
        let (key, value) = match key.strip_suffix("_FILE") {
            Some(key) => (key, read_file(&name, &value)?),
            None => (key, value),
        };
        target.insert(key.to_ascii_lowercase(), value);
    }
    check_secret(&own, &common, &specific)?;
    let mut figment = Figment::new();
    let defaults = defaults.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    for (key, value) in defaults.chain(common).chain(specific) {
        // Numbers and booleans are told apart from text, as in figment's own environment provider;
        // secrets that look like numbers are read as text by their type.
        let parsed: figment::value::Value =
            value.parse().unwrap_or_else(|_| figment::value::Value::from(value.clone()));
        figment = match parsed {
            number @ (figment::value::Value::Num(..) | figment::value::Value::Bool(..)) if !is_text(&key) => {
                figment.merge(Serialized::default(&key, number))
            }
            _ => figment.merge(Serialized::default(&key, value)),
        };
    }
    figment.extract().map_err(|error| explain(&own, &error))
}

/// A secret that can be guessed lets anybody speak as a service.
fn check_secret(
    own: &str,
    common: &BTreeMap<String, String>,
    specific: &BTreeMap<String, String>,
) -> Result<(), ConfigError> {
    let key = "service_token_secret";
    // The same order as for all variables.
    let found = specific.get(key).map(|secret| (own, secret));
    match found.or_else(|| common.get(key).map(|secret| ("AEROBUS_", secret))) {
        Some((prefix, secret)) if secret.chars().count() < SECRET_LENGTH => Err(ConfigError::Invalid {
            variable: format!("{prefix}{}", key.to_ascii_uppercase()),
            reason: format!("has fewer than {SECRET_LENGTH} characters"),
        }),
        _ => Ok(()),
    }
}

/// Keys whose values are texts even where they look like numbers.
fn is_text(key: &str) -> bool {
    ["_url", "_secret", "_password", "_key", "_token", "_schema", "_prefix"]
        .iter()
        .any(|end| key.ends_with(end))
}

fn read_file(variable: &str, path: &str) -> Result<String, ConfigError> {
    let content = fs::read_to_string(path)
        .map_err(|source| ConfigError::File { variable: variable.to_owned(), source })?;
    Ok(content.trim_end_matches(['\r', '\n']).to_owned())
}

fn explain(prefix: &str, error: &figment::Error) -> ConfigError {
    let variable = |key: &str| format!("{prefix}{}", key.to_ascii_uppercase());
    match &error.kind {
        Kind::MissingField(field) => ConfigError::Missing(variable(field)),
        kind => {
            // The kind may hold the value, which may be a secret: only its type is told.
            let reason = match kind {
                Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                    format!("expected {expected}")
                }
                Kind::Message(message) => message.clone(),
                _ => "cannot be read".to_owned(),
            };
            ConfigError::Invalid { variable: variable(&error.path.join("_")), reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[derive(Deserialize)]
    struct Config {
        #[serde(flatten)]
        service: ServiceConfig,
        mail_token: SecretString,
    }

    const SECRET: &str = "a secret of thirty-two characters";

    fn read_pairs(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        read("MAILER", &[("http_address", "127.0.0.1:8083"), ("database_schema", "mailer")], variables)
    }

    #[test]
    fn the_services_own_variable_wins_over_the_common_one() {
        let config = read_pairs(&[
            ("AEROBUS_DATABASE_URL", "postgres://common"),
            ("MAILER_DATABASE_URL", "postgres://own"),
            ("MAILER_DATABASE_POOL_SIZE", "3"),
            ("MAILER_MAIL_TOKEN", "12345"),
            ("AEROBUS_SERVICE_TOKEN_SECRET", SECRET),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.service.database_url.expose_secret(), "postgres://own");
        assert_eq!(config.service.database_pool_size, 3);
        assert_eq!(config.service.http_address.port(), 8083);
        assert_eq!(config.mail_token.expose_secret(), "12345", "a secret of digits stays a text");
    }

    #[test]
    fn a_short_secret_is_refused_by_the_name_of_its_variable() {
        for name in ["AEROBUS_SERVICE_TOKEN_SECRET", "MAILER_SERVICE_TOKEN_SECRET"] {
            let set =
                [("MAILER_DATABASE_URL", "postgres://own"), ("MAILER_MAIL_TOKEN", "x"), (name, "short")];
            let error = read_pairs(&set).err().unwrap().to_string();
            assert_eq!(error, format!("{name} is invalid: has fewer than 32 characters"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let set = [("MAILER_DATABASE_URL", "postgres://own"), ("MAILER_SERVICE_TOKEN_SECRET", SECRET)];
        assert_eq!(read_pairs(&set).err().unwrap().to_string(), "MAILER_MAIL_TOKEN is not set");
    }
}
