//! The booking service's settings. Variables are `BOOKING_<FIELD>`, or `AEROBUS_<FIELD>` for all
//! services; each also as `..._FILE`.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error};
use shared::{
    config::{ConfigError, ServiceConfig, load},
    money::Currency,
};
use std::{num::NonZero, time::Duration};

/// The booking service's configuration.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What every service has.
    #[serde(flatten)]
    pub service: ServiceConfig,
    /// `AEROBUS_SALE_CURRENCY`: the one currency of all prices, an ISO 4217 code.
    #[serde(deserialize_with = "currency")]
    pub sale_currency: Currency,
    /// `BOOKING_LEDGER_SHARDS`: threads that flights are spread over, each with a ledger and a
    /// database connection of its own. Half as many as there are processors, `1` to `4`: what shares a
    /// commit costs less.
    pub ledger_shards: usize,
    /// `BOOKING_LEDGER_BATCH`: commands in one transaction at most.
    pub ledger_batch: usize,
    /// `BOOKING_LEDGER_QUEUE`: new bookings that wait for a ledger at most; more are refused. Other commands
    /// are refused beyond twice as many.
    pub ledger_queue: usize,
    /// `BOOKING_ALLOCATORS`: flights whose seats are in memory at most.
    pub allocators: usize,
    /// `BOOKING_ALLOCATOR_IDLE_MS`: after how long without a request a flight's seats are no longer kept in
    /// memory, milliseconds.
    pub allocator_idle_ms: u64,
    /// `BOOKING_CACHED_FLIGHTS`: flights whose states (route, seat plan, fares) are in memory at most.
    pub cached_flights: u64,
    /// `BOOKING_PATIENCE_MS`: how long a request may wait for its first commit, milliseconds.
    pub patience_ms: u64,
    /// `BOOKING_PAYMENT_TIMEOUT_MS`: how long a traveller waits for the payment provider,
    /// milliseconds.
    pub payment_timeout_ms: u64,
    /// `BOOKING_PAYMENT_IDLE_MS`: after how long a payment that was left unsettled is taken up,
    /// milliseconds; at least a second more than the payment timeout.
    pub payment_idle_ms: u64,
    /// `BOOKING_PAYMENT_SWEEP_MS`: how often unsettled payments and refunds are looked for,
    /// milliseconds.
    pub payment_sweep_ms: u64,
    /// `BOOKING_PAYMENT_HOLD_MINUTES`: how long a hold is kept from the start of a payment at least;
    /// an authorisation that comes later is voided.
    pub payment_hold_minutes: u32,
    /// `BOOKING_MAX_HOLD_MINUTES`: minutes that a hold may be asked for at most, 1 to 1440. More than 60
    /// are held only when the departure is at least 7 days away.
    pub max_hold_minutes: u32,
    /// `BOOKING_REQUIRE_VERIFIED_EMAIL`: whether only accounts with a verified e-mail address may make bookings.
    pub require_verified_email: bool,
    /// `BOOKING_PUBLIC_URL`: the base address of the pages for travellers, to which tickets and calendars link. The mailer
    /// has the same, so `AEROBUS_PUBLIC_URL` sets both.
    pub public_url: String,
    /// `BOOKING_PAYMENT_PLACES`: payments in hand at once; more are refused.
    pub payment_places: u32,
    /// `BOOKING_PAYMENT_PROVIDER`: `sandbox` or `stripe`. It has no default: the sandbox sells for nothing, and
    /// an installation must say that it wants that.
    pub payment_provider: Option<ProviderKind>,
    /// `BOOKING_STRIPE_SECRET_KEY`: needed for `stripe`.
    pub stripe_secret_key: Option<SecretString>,
    /// `BOOKING_STRIPE_BASE_URL`: where Stripe's API is.
    pub stripe_base_url: String,
    /// `BOOKING_STRIPE_TIMEOUT_MS`: how long one request to Stripe may take, milliseconds.
    pub stripe_timeout_ms: u64,
    /// `BOOKING_STRIPE_CONCURRENCY`: requests to Stripe at a time.
    pub stripe_concurrency: usize,
    /// `BOOKING_REAP_MS`: how often holds that have ended are looked for, milliseconds.
    pub reap_ms: u64,
    /// `BOOKING_DISRUPTION_SWEEP_MS`: how often changes of flights are looked for whose bookings have yet
    /// to follow, milliseconds.
    pub disruption_sweep_ms: u64,
    /// `BOOKING_SEAT_MAP_READERS`: live seat maps that are followed at once at most; more are refused.
    pub seat_map_readers: usize,
    /// `BOOKING_SEAT_MAP_FLIGHT_READERS`: those of one flight.
    pub seat_map_flight_readers: usize,
    /// `BOOKING_SEAT_MAP_PAUSE_MS`: between two events of a flight's live seat map at least,
    /// milliseconds; changes in between are told together.
    pub seat_map_pause_ms: u64,
    /// `BOOKING_SEAT_MAP_HEARTBEAT_MS`: between two signs of life of a live seat map, milliseconds.
    pub seat_map_heartbeat_ms: u64,
}

impl Default for Config {
    /// The one place of the defaults.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            service: ServiceConfig::default(),
            sale_currency: Currency::EUR,
            ledger_shards: (processors / 2).clamp(1, 4),
            ledger_batch: 512,
            ledger_queue: 512,
            allocators: 4096,
            allocator_idle_ms: 600_000,
            cached_flights: 16_384,
            patience_ms: 3000,
            payment_timeout_ms: 5000,
            payment_idle_ms: 15_000,
            payment_sweep_ms: 1000,
            payment_hold_minutes: 60,
            max_hold_minutes: 1440,
            require_verified_email: false,
            public_url: "http://localhost:8080".to_owned(),
            payment_places: 2048,
            payment_provider: None,
            stripe_secret_key: None,
            stripe_base_url: "https://api.stripe.com".to_owned(),
            stripe_timeout_ms: 10_000,
            stripe_concurrency: 32,
            reap_ms: 1000,
            disruption_sweep_ms: 2000,
            seat_map_readers: 10_000,
            seat_map_flight_readers: 10_000,
            seat_map_pause_ms: 50,
            seat_map_heartbeat_ms: 15_000,
        }
    }
}

/// Who carries out payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Plays a provider; no money moves.
    Sandbox,
    /// Stripe's payment intents.
    Stripe,
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

impl Config {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with the variable's name.
    pub fn load() -> Result<Self, ConfigError> {
        let config: Self =
            load("BOOKING", &[("http_address", "0.0.0.0:8082"), ("database_schema", "booking")])?;
        match config.payment_provider {
            Some(_) => Ok(config),
            None => Err(ConfigError::Missing("BOOKING_PAYMENT_PROVIDER".to_owned())),
        }
    }

    /// A configuration with defaults around what every service has, and the sandbox as payment provider: for the
    /// embedded mode and tests.
    #[must_use]
    pub fn embedded(service: ServiceConfig) -> Self {
        Self { service, payment_provider: Some(ProviderKind::Sandbox), ..Self::default() }
    }

    pub(crate) fn admission_timeout(&self) -> Duration {
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
