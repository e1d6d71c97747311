//! The flight service's settings. Variables are `FLIGHT_<FIELD>`, or `AEROBUS_<FIELD>` for all
//! services; each also as `..._FILE`.

use crate::domain::search::SearchRules;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error};
use shared::{
    config::{ConfigError, ServiceConfig, load},
    db::DatabaseConfig,
    money::Currency,
};
use std::net::SocketAddr;
use url::Url;

/// The flight service's configuration.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What every service has.
    #[serde(flatten)]
    pub service: ServiceConfig,
    /// `FLIGHT_BOOKING_URL`: the base address of the booking service, for internal calls.
    #[serde(deserialize_with = "address")]
    pub booking_url: Url,
    /// `AEROBUS_SALE_CURRENCY`: the one currency of all fares, an ISO 4217 code.
    #[serde(deserialize_with = "currency")]
    pub sale_currency: Currency,
    /// `FLIGHT_SCHEDULE_HORIZON_DAYS`: how many days ahead flights are generated from schedules, 1 to 730.
    #[serde(deserialize_with = "horizon")]
    pub schedule_horizon_days: u16,
    /// `FLIGHT_MAX_LAYOVER_MINUTES`: the longest time from an arrival to the next departure of a slice, minutes.
    pub max_layover_minutes: u32,
    /// `FLIGHT_BEST_HOUR_PRICE`: what an hour of a journey counts in the order `best`, in minor units of the sale
    /// currency; 25 units where it is not set.
    pub best_hour_price: Option<u32>,
    /// `FLIGHT_BEST_CONNECTION_PRICE`: what a connection counts in the order `best`, in minor units of the sale
    /// currency; 40 units where it is not set.
    pub best_connection_price: Option<u32>,
    /// `FLIGHT_SEARCH_HORIZON_DAYS`: how many days ahead a search may ask for.
    pub search_horizon_days: u64,
}

impl Default for Config {
    /// The one place of the defaults.
    fn default() -> Self {
        let booking_url = Url::parse("http://127.0.0.1:8082");
        Self {
            service: ServiceConfig::default(),
            booking_url: booking_url.unwrap_or_else(|_| unreachable!("a good address")),
            sale_currency: Currency::EUR,
            schedule_horizon_days: 330,
            max_layover_minutes: 24 * 60,
            best_hour_price: None,
            best_connection_price: None,
            search_horizon_days: 400,
        }
    }
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// As far ahead as flights may be planned.
fn horizon<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    match u16::deserialize(deserializer)? {
        days @ 1..=730 => Ok(days),
        _ => Err(D::Error::custom("expected 1 to 730 days")),
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    match Url::parse(&String::deserialize(deserializer)?) {
        Ok(url) if url.scheme() == "http" && url.has_host() && url.path() == "/" => Ok(url),
        _ => Err(D::Error::custom("expected http://host:port")),
    }
}

impl Config {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with the variable's name.
    pub fn load() -> Result<Self, ConfigError> {
        load("FLIGHT", &[("http_address", "0.0.0.0:8081"), ("database_schema", "flight")])
    }

    /// The rules of searches.
    #[must_use]
    pub fn search_rules(&self) -> SearchRules {
        let rules = SearchRules::of(self.sale_currency);
        SearchRules {
            max_layover: TimeDelta::minutes(self.max_layover_minutes.into()),
            hour_price: self.best_hour_price.map_or(rules.hour_price, i64::from),
            connection_price: self.best_connection_price.map_or(rules.connection_price, i64::from),
            ..rules
        }
    }

    /// A configuration with defaults around what has none: for the embedded mode and tests.
    #[must_use]
    pub fn embedded(
        http_address: SocketAddr,
        database: &DatabaseConfig,
        service_token_secret: SecretString,
        booking_url: Url,
    ) -> Self {
        let service = ServiceConfig::embedded(http_address, database, service_token_secret);
        Self { service, booking_url, ..Self::default() }
    }
}
