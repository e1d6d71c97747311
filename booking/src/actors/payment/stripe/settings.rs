//! How Stripe is reached, and why the adapter may not start with such settings.

use secrecy::SecretString;
use shared::money::Currency;
use std::time::Duration;

/// How Stripe is reached.
#[derive(Clone)]
pub(crate) struct StripeSettings {
    pub(crate) base_url: String,
    pub(crate) secret_key: SecretString,
    /// For one request.
    pub(crate) timeout: Duration,
    /// Requests at a time.
    pub(crate) concurrency: usize,
    pub(crate) currency: Currency,
}

/// Why the adapter does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StripeError {
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("Stripe's base URL is none: it begins with https://, or with http:// for tests")]
    BaseUrl,
    #[error("amounts in {0} are counted in another way by Stripe")]
    Currency(Currency),
}
