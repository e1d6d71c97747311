//! Reading a configuration from the environment.

use figment::{Figment, error::Kind, providers::Serialized};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, env, fs};

/// What every service must be given: there is no default that would be right.
const REQUIRED: [&str; 2] = ["database_url", "service_token_secret"];

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

/// Reads a service's configuration: `defaults`, then `AEROBUS_*`, then the service's own prefix
/// (`BOOKING`). The type's own defaults come before `defaults`, which are those of this service alone.
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
    let given = |key: &str| {
        let default = defaults.iter().any(|(name, _)| *name == key);
        default || common.contains_key(key) || specific.contains_key(key)
    };
    if let Some(missing) = REQUIRED.into_iter().find(|key| !given(key)) {
        return Err(ConfigError::Missing(variable(&own, missing)));
    }
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
            variable: variable(prefix, key),
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

fn variable(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.to_ascii_uppercase())
}

fn explain(prefix: &str, error: &figment::Error) -> ConfigError {
    match &error.kind {
        Kind::MissingField(field) => ConfigError::Missing(variable(prefix, field)),
        kind => {
            // The kind may hold the value, which may be a secret: only its type is told.
            let reason = match kind {
                Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                    format!("expected {expected}")
                }
                Kind::Message(message) => message.clone(),
                _ => "cannot be read".to_owned(),
            };
            ConfigError::Invalid { variable: variable(prefix, &error.path.join("_")), reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServiceConfig;
    use secrecy::{ExposeSecret, SecretString};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct MailConfig {
        #[serde(flatten)]
        service: ServiceConfig,
        mail_token: SecretString,
    }

    const SECRET: &str = "a secret of thirty-two characters";

    fn read_pairs(pairs: &[(&str, &str)]) -> Result<MailConfig, ConfigError> {
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

    #[test]
    fn what_every_service_needs_has_no_default() {
        let error = |pairs: &[(&str, &str)]| read_pairs(pairs).err().unwrap().to_string();
        assert_eq!(error(&[("MAILER_MAIL_TOKEN", "x")]), "MAILER_DATABASE_URL is not set");
        let database = ("AEROBUS_DATABASE_URL", "postgres://common");
        assert_eq!(error(&[database]), "MAILER_SERVICE_TOKEN_SECRET is not set");
    }

    #[test]
    fn what_is_not_set_has_the_default_of_its_type() {
        let set = [
            ("MAILER_DATABASE_URL", "postgres://own"),
            ("MAILER_SERVICE_TOKEN_SECRET", SECRET),
            ("MAILER_MAIL_TOKEN", "x"),
            ("MAILER_TOKEN_AUDIENCE", "others"),
        ];
        let service = read_pairs(&set).unwrap().service;
        assert_eq!((service.token_audience.as_str(), service.log_filter.as_str()), ("others", "info"));
        assert_eq!(service.database_pool_size, ServiceConfig::default().database_pool_size);
    }
}
