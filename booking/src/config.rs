//! The booking service's settings. Variables are `BOOKING_<FIELD>`, or `AEROBUS_<FIELD>` for all
//! services; each also as `..._FILE`.

use serde::{Deserialize, Deserializer, de::Error};
use shared::{
    config::{ConfigError, ServiceConfig, load},
    money::Currency,
};
use std::{net::IpAddr, str::FromStr, time::Duration};

/// The booking service's configuration.
#[derive(Clone, Deserialize)]
pub struct Config {
    /// What every service has.
    #[serde(flatten)]
    pub service: ServiceConfig,
    /// `AEROBUS_SALE_CURRENCY`: the one currency of all prices, an ISO 4217 code. `EUR`.
    #[serde(default = "default_currency", deserialize_with = "currency")]
    pub sale_currency: Currency,
    /// `BOOKING_LEDGER_SHARDS`: threads that flights are spread over, each with a ledger and a
    /// database connection of its own. `2`.
    #[serde(default = "default_shards")]
    pub ledger_shards: usize,
    /// `BOOKING_LEDGER_BATCH`: commands in one transaction at most. `512`.
    #[serde(default = "default_batch")]
    pub ledger_batch: usize,
    /// `BOOKING_LEDGER_QUEUE`: commands that wait for a ledger at most; more are refused. `4096`.
    #[serde(default = "default_queue")]
    pub ledger_queue: usize,
    /// `BOOKING_ALLOCATORS`: flights whose seats are in memory at most. `4096`.
    #[serde(default = "default_allocators")]
    pub allocators: usize,
    /// `BOOKING_PATIENCE_MS`: how long a request may wait for its first commit, milliseconds. `3000`.
    #[serde(default = "default_patience")]
    pub patience_ms: u64,
    /// `BOOKING_PAYMENT_TIMEOUT_MS`: how long a traveller waits for the payment provider,
    /// milliseconds. `5000`.
    #[serde(default = "default_payment_timeout")]
    pub payment_timeout_ms: u64,
    /// `BOOKING_PAYMENT_IDLE_MS`: after how long a payment that was left unsettled is taken up,
    /// milliseconds; at least a second more than the payment timeout. `15000`.
    #[serde(default = "default_payment_idle")]
    pub payment_idle_ms: u64,
    /// `BOOKING_PAYMENT_SWEEP_MS`: how often unsettled payments and refunds are looked for,
    /// milliseconds. `1000`.
    #[serde(default = "default_interval")]
    pub payment_sweep_ms: u64,
    /// `BOOKING_PAYMENT_HOLD_MINUTES`: how long a hold is kept from the start of a payment at least;
    /// an authorisation that comes later is voided. `60`.
    #[serde(default = "default_payment_hold")]
    pub payment_hold_minutes: u32,
    /// `BOOKING_REAP_MS`: how often holds that have ended are looked for, milliseconds. `1000`.
    #[serde(default = "default_interval")]
    pub reap_ms: u64,
    /// `BOOKING_TRUSTED_PROXIES`: addresses and networks (`10.0.0.0/8`), separated by commas, whose
    /// `X-Forwarded-For` names the client: those of the gateway. `127.0.0.1,::1`.
    #[serde(default = "default_proxies", deserialize_with = "networks")]
    pub trusted_proxies: Vec<Network>,
}

/// An address, or all addresses that begin with the same bits (CIDR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Shifted to the left of 128 bits.
    bits: u128,
    v6: bool,
    /// How many of the bits count.
    prefix: u32,
}

/// A text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected addresses or networks such as 10.0.0.0/8, separated by commas")]
pub struct InvalidNetwork;

impl Network {
    /// Whether an address is one of the network's. An IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = Self::from(address);
        let differing = (self.bits ^ address.bits).leading_zeros();
        self.v6 == address.v6 && differing >= self.prefix
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self { bits: u128::from(address.to_bits()) << 96, v6: false, prefix: 32 },
            IpAddr::V6(address) => Self { bits: address.to_bits(), v6: true, prefix: 128 },
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let network = Self::from(address);
        let Some(prefix) = prefix else { return Ok(network) };
        let prefix: u32 = prefix.parse().map_err(|_| InvalidNetwork)?;
        if prefix <= network.prefix { Ok(Self { prefix, ..network }) } else { Err(InvalidNetwork) }
    }
}

fn default_currency() -> Currency {
    Currency::EUR
}

fn default_shards() -> usize {
    2
}

fn default_batch() -> usize {
    512
}

fn default_queue() -> usize {
    4096
}

fn default_allocators() -> usize {
    4096
}

fn default_patience() -> u64 {
    3000
}

fn default_payment_timeout() -> u64 {
    5000
}

fn default_payment_idle() -> u64 {
    15_000
}

fn default_interval() -> u64 {
    1000
}

fn default_payment_hold() -> u32 {
    60
}

fn default_proxies() -> Vec<Network> {
    [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])].map(Network::from).to_vec()
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(D::Error::custom)).collect()
}

impl Config {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with the variable's name.
    pub fn load() -> Result<Self, ConfigError> {
        load("BOOKING", &[("http_address", "0.0.0.0:8082"), ("database_schema", "booking")])
    }

    /// A configuration with defaults around what every service has: for the embedded mode and tests.
    #[must_use]
    pub fn embedded(service: ServiceConfig) -> Self {
        Self {
            service,
            sale_currency: default_currency(),
            ledger_shards: default_shards(),
            ledger_batch: default_batch(),
            ledger_queue: default_queue(),
            allocators: default_allocators(),
            patience_ms: default_patience(),
            payment_timeout_ms: default_payment_timeout(),
            payment_idle_ms: default_payment_idle(),
            payment_sweep_ms: default_interval(),
            payment_hold_minutes: default_payment_hold(),
            reap_ms: default_interval(),
            trusted_proxies: default_proxies(),
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    pub(crate) fn payment_timeout(&self) -> Duration {
        Duration::from_millis(self.payment_timeout_ms)
    }

    /// Never so short that a payment is taken up whose traveller still waits.
    pub(crate) fn payment_idle(&self) -> Duration {
        Duration::from_millis(self.payment_idle_ms).max(self.payment_timeout() + Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_the_addresses_that_begin_like_them() {
        let network = |text: &str| text.parse::<Network>();
        let contains = |text: &str, address: &str| network(text).unwrap().contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.200.3.4") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1") && !contains("::/0", "10.1.1.1"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "::1"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1", "gateway"] {
            assert_eq!(network(wrong), Err(InvalidNetwork), "{wrong}");
        }
    }
}
