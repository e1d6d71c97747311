//! What a cancellation would give back, promised for a while.

use crate::{booking::record::Booking, payment::refund::Refund};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use shared_types::{
    ids::BookingId,
    money::{Currency, Money},
};
use utoipa::ToSchema;
use uuid::Uuid;

/// Minutes for which a quote is good.
const MINUTES: i64 = 15;

/// Names a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuoteId(pub Uuid);

impl QuoteId {
    /// A new one.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    pub id: QuoteId,
    pub booking: BookingId,
    /// Of the booking; a quote is good only for the booking as it was.
    pub version: i64,
    pub refund: Refund,
    /// What is kept, minor units.
    pub penalty: i64,
    pub expires_at: DateTime<Utc>,
}

impl Quote {
    /// A quote of now. `paid`: what was paid for the booking; after the departure nothing is given
    /// back, so no quote outlives it.
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

    /// Whether a cancellation may rely on it.
    pub fn is_good_for(&self, booking: &Booking, now: DateTime<Utc>) -> bool {
        self.booking == booking.id && self.version == booking.version && now < self.expires_at
    }

    /// As the contract shows it.
    pub fn shown(&self, currency: Currency) -> ShownQuote {
        ShownQuote {
            quote_id: self.id.0,
            refund: Money::new(self.refund.total(), currency),
            penalty: Money::new(self.penalty, currency),
            expires_at: self.expires_at,
        }
    }
}

/// What a cancellation would give back.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CancellationQuote)]
pub struct ShownQuote {
    /// To be named when cancelling on this quote.
    quote_id: Uuid,
    /// What is given back.
    refund: Money,
    /// What is kept of what was paid.
    penalty: Money,
    /// Until when the quote is good, unless the booking changes before.
    expires_at: DateTime<Utc>,
}
