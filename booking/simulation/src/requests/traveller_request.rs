//! What travellers ask of the service.

use crate::requests::Amendment;
use booking_engine::{
    booking::idempotency::Key,
    payment::{quote::QuoteId, record::PaymentOrder},
    sell::order::Order,
};
use shared::ids::BookingId;
use uuid::Uuid;

/// What is asked of the service.
#[derive(Debug, Clone)]
pub(crate) enum TravellerRequest {
    Book(Order),
    Pay {
        booking: BookingId,
        payment: PaymentOrder,
        key: Option<Key>,
    },
    Cancel {
        booking: BookingId,
        quote: Option<QuoteId>,
        key: Option<Key>,
    },
    Quote {
        booking: BookingId,
        key: Option<Key>,
    },
    /// `version`: the booking's, as in `If-Match`.
    Amend {
        booking: BookingId,
        version: Option<i64>,
        amendment: Amendment,
    },
}

impl TravellerRequest {
    /// The idempotency key of the request.
    pub(crate) fn key(&self) -> Option<&Key> {
        match self {
            Self::Book(order) => order.key.as_ref(),
            Self::Pay { key, .. } | Self::Cancel { key, .. } | Self::Quote { key, .. } => key.as_ref(),
            Self::Amend { .. } => None,
        }
    }

    /// The request as its handler reads it anew: with fresh ids.
    pub(crate) fn with_fresh_ids(&self, draw: impl Fn() -> Uuid) -> Self {
        let mut request = self.clone();
        match &mut request {
            Self::Book(order) => {
                order.passengers.iter_mut().for_each(|passenger| passenger.id = draw().into());
                if let Some(payment) = &mut order.payment {
                    payment.id = draw().into();
                }
            }
            Self::Pay { payment, .. } => payment.id = draw().into(),
            Self::Cancel { .. } | Self::Quote { .. } | Self::Amend { .. } => {}
        }
        request
    }

    /// Gives the request another body under the same key.
    pub(crate) fn change_body(&mut self) {
        let key = match self {
            Self::Book(order) => &mut order.key,
            Self::Pay { key, .. } | Self::Cancel { key, .. } | Self::Quote { key, .. } => key,
            Self::Amend { .. } => return,
        };
        if let Some(key) = key {
            key.body.reverse();
            key.body.push(0);
        }
    }
}
