//! The booking service's settings. Variables are `BOOKING_<FIELD>`, or `AEROBUS_<FIELD>` for all
//! services; each also as `..._FILE`.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error};
use shared::{
    config::{ConfigError, ServiceConfig, load},
    money::Currency,
};
use std::time::Duration;

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
    /// database connection of its own. Half as many as there are processors, `1` to `4`: what shares a
    /// commit costs less.
    #[serde(default = "default_shards")]
    pub ledger_shards: usize,
    /// `BOOKING_LEDGER_BATCH`: commands in one transaction at most. `512`.
    #[serde(default = "default_batch")]
    pub ledger_batch: usize,
    /// `BOOKING_LEDGER_QUEUE`: new bookings that wait for a ledger at most; more are refused. Other commands
    /// are refused beyond twice as many. `512`.
    #[serde(default = "default_queue")]
    pub ledger_queue: usize,
    /// `BOOKING_ALLOCATORS`: flights whose seats are in memory at most. `4096`.
    #[serde(default = "default_allocators")]
    pub allocators: usize,
    /// `BOOKING_ALLOCATOR_IDLE_MS`: after how long without a request a flight's seats are no longer kept in
    /// memory, milliseconds. `600000`.
    #[serde(default = "default_allocator_idle")]
    pub allocator_idle_ms: u64,
    /// `BOOKING_CACHED_FLIGHTS`: flights whose states (route, seat plan, fares) are in memory at most.
    /// `16384`.
    #[serde(default = "default_cached_flights")]
    pub cached_flights: u64,
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
    /// `BOOKING_MAX_HOLD_MINUTES`: minutes that a hold may be asked for at most, 1 to 1440. More than 60
    /// are held only when the departure is at least 7 days away. `1440`.
    #[serde(default = "default_max_hold")]
    pub max_hold_minutes: u32,
    /// `BOOKING_REQUIRE_VERIFIED_EMAIL`: whether only accounts with a verified e-mail address may make bookings.
    /// `false`.
    #[serde(default)]
    pub require_verified_email: bool,
    /// `BOOKING_PAYMENT_PLACES`: payments in hand at once; more are refused. `2048`.
    #[serde(default = "default_payment_places")]
    pub payment_places: u32,
    /// `BOOKING_PAYMENT_PROVIDER`: `sandbox` or `stripe`. It has no default: the sandbox sells for nothing, and
    /// an installation must say that it wants that.
    pub payment_provider: ProviderKind,
    /// `BOOKING_STRIPE_SECRET_KEY`: needed for `stripe`.
    #[serde(default)]
    pub stripe_secret_key: Option<SecretString>,
    /// `BOOKING_STRIPE_BASE_URL`: where Stripe's API is. `https://api.stripe.com`.
    #[serde(default = "default_stripe_base_url")]
    pub stripe_base_url: String,
    /// `BOOKING_STRIPE_TIMEOUT_MS`: how long one request to Stripe may take, milliseconds. `10000`.
    #[serde(default = "default_stripe_timeout")]
    pub stripe_timeout_ms: u64,
    /// `BOOKING_STRIPE_CONCURRENCY`: requests to Stripe at a time. `32`.
    #[serde(default = "default_stripe_concurrency")]
    pub stripe_concurrency: usize,
    /// `BOOKING_REAP_MS`: how often holds that have ended are looked for, milliseconds. `1000`.
    #[serde(default = "default_interval")]
    pub reap_ms: u64,
    /// `BOOKING_DISRUPTION_SWEEP_MS`: how often changes of flights are looked for whose bookings have yet
    /// to follow, milliseconds. `2000`.
    #[serde(default = "default_disruption_sweep")]
    pub disruption_sweep_ms: u64,
    /// `BOOKING_SEAT_MAP_READERS`: live seat maps that are followed at once at most; more are refused.
    /// `10000`.
    #[serde(default = "default_readers")]
    pub seat_map_readers: usize,
    /// `BOOKING_SEAT_MAP_FLIGHT_READERS`: those of one flight. `10000`.
    #[serde(default = "default_readers")]
    pub seat_map_flight_readers: usize,
    /// `BOOKING_SEAT_MAP_PAUSE_MS`: between two events of a flight's live seat map at least,
    /// milliseconds; changes in between are told together. `50`.
    #[serde(default = "default_pause")]
    pub seat_map_pause_ms: u64,
    /// `BOOKING_SEAT_MAP_HEARTBEAT_MS`: between two signs of life of a live seat map, milliseconds.
    /// `15000`.
    #[serde(default = "default_heartbeat")]
    pub seat_map_heartbeat_ms: u64,
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

fn default_payment_places() -> u32 {
    2048
}

fn default_stripe_base_url() -> String {
    "https://api.stripe.com".to_owned()
}

fn default_stripe_timeout() -> u64 {
    10_000
}

fn default_stripe_concurrency() -> usize {
    32
}

fn default_currency() -> Currency {
    Currency::EUR
}

fn default_shards() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).clamp(1, 4))
}

fn default_batch() -> usize {
    512
}

fn default_queue() -> usize {
    512
}

fn default_allocators() -> usize {
    4096
}

fn default_allocator_idle() -> u64 {
    600_000
}

fn default_cached_flights() -> u64 {
    16_384
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

fn default_disruption_sweep() -> u64 {
    2000
}

fn default_payment_hold() -> u32 {
    60
}

fn default_max_hold() -> u32 {
    1440
}

fn default_readers() -> usize {
    10_000
}

fn default_pause() -> u64 {
    50
}

fn default_heartbeat() -> u64 {
    15_000
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
        load("BOOKING", &[("http_address", "0.0.0.0:8082"), ("database_schema", "booking")])
    }

    /// A configuration with defaults around what every service has, and the sandbox as payment provider: for the
    /// embedded mode and tests.
    #[must_use]
    pub fn embedded(service: ServiceConfig) -> Self {
        Self {
            service,
            sale_currency: default_currency(),
            ledger_shards: default_shards(),
            ledger_batch: default_batch(),
            ledger_queue: default_queue(),
            allocators: default_allocators(),
            allocator_idle_ms: default_allocator_idle(),
            cached_flights: default_cached_flights(),
            patience_ms: default_patience(),
            payment_timeout_ms: default_payment_timeout(),
            payment_idle_ms: default_payment_idle(),
            payment_sweep_ms: default_interval(),
            payment_hold_minutes: default_payment_hold(),
            max_hold_minutes: default_max_hold(),
            require_verified_email: false,
            payment_places: default_payment_places(),
            payment_provider: ProviderKind::Sandbox,
            stripe_secret_key: None,
            stripe_base_url: default_stripe_base_url(),
            stripe_timeout_ms: default_stripe_timeout(),
            stripe_concurrency: default_stripe_concurrency(),
            reap_ms: default_interval(),
            disruption_sweep_ms: default_disruption_sweep(),
            seat_map_readers: default_readers(),
            seat_map_flight_readers: default_readers(),
            seat_map_pause_ms: default_pause(),
            seat_map_heartbeat_ms: default_heartbeat(),
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
