//! The numbers that stand for the domain's enumerations in the tables.

use booking_engine::{
    booking::disruption::Disruption,
    payment::record::{LedgerAccount, PaymentState},
};
use shared::{
    events::{BookingPaymentStatus, BookingStatus},
    fare::{Brand, PassengerType},
    seat::Cabin,
};

/// An unknown number: the row is damaged, or of a newer release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a stored {1}")]
pub struct UnknownCode(i16, &'static str);

/// An enumeration with stored numbers.
pub trait StoredCode: Copy + PartialEq + 'static {
    /// The name of the enumeration in messages.
    const NAME: &'static str;
    /// The values in the order of their numbers, from 0. A number that is no longer used stands for none.
    const ALL: &'static [Option<Self>];

    /// The number of a value.
    fn code(self) -> i16 {
        let position = Self::ALL.iter().position(|one| *one == Some(self));
        // Every value stands in the list, and lists are short.
        position.and_then(|position| i16::try_from(position).ok()).unwrap_or(-1)
    }

    /// The value of a number.
    ///
    /// # Errors
    /// The number is unknown.
    fn of_code(code: i16) -> Result<Self, UnknownCode> {
        usize::try_from(code)
            .ok()
            .and_then(|index| Self::ALL.get(index).copied().flatten())
            .ok_or(UnknownCode(code, Self::NAME))
    }
}

macro_rules! codes {
    (@value _) => { None };
    (@value $value:ident) => { Some(Self::$value) };
    ($($kind:ident, $name:literal: $($value:tt),+;)+) => {$(
        impl StoredCode for $kind {
            const NAME: &'static str = $name;
            const ALL: &'static [Option<Self>] = &[$(codes!(@value $value)),+];
        }
    )+};
}

codes! {
    BookingStatus, "status": Held, Confirmed, Cancelled, Expired;
    BookingPaymentStatus, "payment status": Awaiting, Processing, Paid, PartlyRefunded, Refunded;
    PaymentState, "payment state": Started, Confirmed, _, Declined, Voided;
    Cabin, "cabin": Economy, PremiumEconomy, Business, First;
    Brand, "brand": Light, Standard, Flex;
    PassengerType, "passenger type": Adt, Chd, Inf;
    LedgerAccount, "account": Clearing, Fares, Taxes;
    Disruption, "disruption": Cancelled, Rescheduled;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: StoredCode + std::fmt::Debug>() {
        for (number, value) in T::ALL.iter().enumerate() {
            let number = i16::try_from(number).unwrap();
            match value {
                Some(value) => assert_eq!((value.code(), T::of_code(number)), (number, Ok(*value))),
                None => assert!(T::of_code(number).is_err(), "a number that is no longer used"),
            }
        }
        assert!(T::of_code(-1).is_err() && T::of_code(99).is_err());
    }

    #[test]
    fn numbers_round_trip_and_strange_ones_are_errors() {
        round_trip::<BookingStatus>();
        round_trip::<BookingPaymentStatus>();
        round_trip::<PaymentState>();
        round_trip::<Cabin>();
        round_trip::<Brand>();
        round_trip::<PassengerType>();
        round_trip::<LedgerAccount>();
        round_trip::<Disruption>();
    }
}
