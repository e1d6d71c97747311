//! `{method, token}`, alone or within a new booking.

use crate::domain::payment::PaymentOrder;
use serde::Serialize;
use shared::{
    http::{FromJson, Object},
    ids::PaymentId,
};
use utoipa::ToSchema;

/// How a booking is paid.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentRequest)]
pub(crate) struct PaymentSchema {
    /// `card`.
    #[schema(example = "card")]
    method: String,
    /// What the payment provider has given for the card. The sandbox knows `tok_visa`,
    /// `tok_declined`, `tok_slow` and `tok_timeout`; with Stripe it is the id of a payment method.
    #[schema(example = "tok_visa")]
    token: String,
}

/// A payment as it was ordered, with the pointer of its token.
#[derive(Debug, Clone)]
pub(crate) struct PaymentRequest {
    pub(crate) order: PaymentOrder,
    pub(crate) token_pointer: String,
}

impl FromJson for PaymentRequest {
    fn read(object: &mut Object<'_>) -> Option<Self> {
        let method = object.text("method", 1..=20);
        let token = object.text("token", 1..=200);
        let token_pointer = object.pointer("token");
        let method = method?;
        if method != "card" {
            object.error("method", "must be card");
            return None;
        }
        Some(Self { order: PaymentOrder { id: PaymentId::new(), method, token: token? }, token_pointer })
    }
}
