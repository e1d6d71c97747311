//! `{method, token}`, alone or within a new booking.

use booking_engine::payment::record::PaymentOrder;
use serde::Serialize;
use shared::{http::JsonReader, ids::PaymentId};
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

/// Reads a payment. `knows`: whether a token is one of the provider's.
pub(super) fn read_payment(
    object: &mut JsonReader<'_>,
    knows: impl Fn(&str) -> bool,
) -> Option<PaymentOrder> {
    let method = object.text("method", 1..=20);
    if method.as_ref().is_some_and(|method| method != "card") {
        object.error("method", "must be card");
    }
    let token = object.text("token", 1..=200);
    if token.as_ref().is_some_and(|token| !knows(token)) {
        object.error("token", "is not a token of the payment provider");
    }
    Some(PaymentOrder { id: PaymentId::new(), method: method?, token: token? })
}
