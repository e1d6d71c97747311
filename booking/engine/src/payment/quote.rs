//! Quotes of cancellations: the promised refund, good for a few minutes.

use crate::{booking::record::Booking, payment::refund::Refund};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use shared_types::{
    ids::BookingId,
    money::{Currency, Money},
};
use utoipa::ToSchema;
use uuid::Uuid;

/// Minutes for which a quote stays good.
const MINUTES: i64 = 15;

/// The identifier of a quote (UUIDv7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuoteId(pub Uuid);

impl QuoteId {
    /// A fresh identifier, for tests.
    #[cfg(any(test, feature = "samples"))]
    #[expect(clippy::new_without_default, reason = "an identifier has no default: each is new")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

/// The promised refund of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// The identifier of the quote.
    pub id: QuoteId,
    /// The booking to be cancelled.
    pub booking: BookingId,
    /// The version of the booking: a change of the booking ends the quote.
    pub version: i64,
    /// The promised refund.
    pub refund: Refund,
    /// The part of the paid amount that is kept, in minor units of money.
    pub penalty: i64,
    /// The end of the quote.
    pub expires_at: DateTime<Utc>,
}

impl Quote {
    /// A quote made at `now`. `paid`: the amount paid for the booking, in minor units of money. No quote outlives the
    /// departure: after it nothing is given back.
    pub fn new(
        id: QuoteId,
        booking: &Booking,
        (refund, paid): (Refund, i64),
        departs_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        let end = now + TimeDelta::minutes(MINUTES);
        Self {
            id,
            booking: booking.id,
            version: booking.version,
            refund,
            penalty: paid - refund.total(),
            expires_at: if departs_at > now { end.min(departs_at) } else { end },
        }
    }

    /// Whether a cancellation of this booking may rely on the quote at `now`.
    pub fn is_good_for(&self, booking: &Booking, now: DateTime<Utc>) -> bool {
        self.booking == booking.id && self.version == booking.version && now < self.expires_at
    }

    /// The quote as the contract shows it.
    pub fn shown(&self, currency: Currency) -> ShownQuote {
        ShownQuote {
            quote_id: self.id.0,
            refund: Money::new(self.refund.total(), currency),
            penalty: Money::new(self.penalty, currency),
            expires_at: self.expires_at,
        }
    }
}

/// The promised refund of a cancellation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CancellationQuote)]
pub struct ShownQuote {
    /// The identifier to name in a cancellation that relies on this quote.
    quote_id: Uuid,
    /// The amount that is given back.
    refund: Money,
    /// The part of the paid amount that is kept.
    penalty: Money,
    /// The end of the quote. A change of the booking ends it earlier.
    expires_at: DateTime<Utc>,
}
