//! The port to payment providers.
//!
//! Every call names the payment by our id, and repeating a call has no further effect: that is what
//! makes the saga safe to resume. A call may fail, or not answer at all; then nothing is known.

pub(crate) use booking_engine::saga::step::Decision;
use futures_util::future::BoxFuture;
use shared::ids::{PaymentId, RefundId};

/// The provider could not be asked, or did not say; whether it did something is not known.
#[derive(Debug, thiserror::Error)]
#[error("the payment provider has not answered as it should: {0}")]
pub(crate) struct ProviderError(pub(crate) String);

/// The answer of a provider.
pub(crate) type Reply<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// A payment provider.
pub(crate) trait PaymentProvider: Send + Sync + 'static {
    /// Whether a token is one of the provider's; others are refused before anything is done.
    fn knows(&self, token: &str) -> bool;

    /// Whether the provider answers at all: asked when payments were not answered.
    fn answers(&self) -> Reply<'_, ()>;

    /// Reserves money, unless this payment was given up before. May never answer.
    fn authorise(&self, payment: PaymentId, amount: i64, token: String) -> Reply<'_, Decision>;

    /// What was decided; `None` where nothing was reserved, and nothing refused.
    fn find(&self, payment: PaymentId) -> Reply<'_, Option<Decision>>;

    /// Takes reserved money.
    fn capture(&self, payment: PaymentId, amount: i64) -> Reply<'_, ()>;

    /// Gives up reserved money; and sees to it that nothing is reserved under this id any more.
    fn void(&self, payment: PaymentId, amount: i64) -> Reply<'_, ()>;

    /// Gives back taken money.
    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> Reply<'_, ()>;
}
