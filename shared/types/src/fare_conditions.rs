//! What the tickets of a brand allow: search shows it, and the ticket tells it.

use crate::{
    fare::Brand,
    money::{Currency, Money},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What a ticket allows. A fee is null where the act is not allowed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Conditions)]
pub struct FareConditions {
    /// Pieces of checked baggage included.
    pub checked_bags: u8,
    /// Whether the fare is paid back on a cancellation.
    pub refundable: bool,
    /// Kept of a refund.
    pub refund_fee: Option<Money>,
    /// Whether the ticket may be exchanged.
    pub changeable: bool,
    /// Charged for an exchange.
    pub change_fee: Option<Money>,
}

impl FareConditions {
    /// What a ticket of this brand allows.
    #[must_use]
    pub fn of(brand: Brand, currency: Currency) -> Self {
        let free = Money::zero(currency);
        let change = Money::new(60 * 10_i64.pow(currency.decimals()), currency);
        let (checked_bags, refundable, change_fee) = match brand {
            Brand::Light => (0, false, None),
            Brand::Standard => (1, false, Some(change)),
            Brand::Flex => (1, true, Some(free)),
        };
        Self {
            checked_bags,
            refundable,
            refund_fee: refundable.then_some(free),
            changeable: change_fee.is_some(),
            change_fee,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_follow_the_brand() {
        let light = FareConditions::of(Brand::Light, Currency::EUR);
        assert!(!light.refundable && !light.changeable && light.change_fee.is_none());
        let standard = FareConditions::of(Brand::Standard, Currency::EUR);
        assert_eq!(standard.change_fee, Some(Money::new(6000, Currency::EUR)));
        assert_eq!(
            FareConditions::of(Brand::Flex, Currency::EUR).refund_fee,
            Some(Money::zero(Currency::EUR))
        );
    }
}
