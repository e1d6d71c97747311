//! Amounts of money: integers of minor units with an ISO 4217 currency.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, str::FromStr};
use utoipa::{PartialSchema, ToSchema};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The sale currency of a default installation.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// The three-letter code, `EUR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for BHD.
    #[must_use]
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl FromStr for Currency {
    type Err = InvalidMoney;

    fn from_str(code: &str) -> Result<Self, InvalidMoney> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(InvalidMoney::Currency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    /// Not an ISO 4217 code.
    #[error("not an ISO 4217 currency")]
    Currency,
    /// Not a plain decimal number.
    #[error("must be a plain decimal number such as 123.45")]
    Amount,
    /// More decimals than the currency has.
    #[error("has more decimals than its currency")]
    Decimals,
    /// Beyond what 64 bits of minor units hold.
    #[error("is too large")]
    TooLarge,
}

/// An amount of money. On the wire `{"amount": "123.45", "currency": "EUR"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    /// The amount in minor units of the currency (cents for EUR).
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount from minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in that currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The decimal amount without the currency, with exactly the currency's decimals: `-0.05`.
    #[must_use]
    pub fn amount(&self) -> String {
        let decimals = self.currency.decimals();
        let (unit, magnitude) = (10_u64.pow(decimals), self.minor.unsigned_abs());
        let sign = if self.minor < 0 { "-" } else { "" };
        match decimals {
            0 => format!("{sign}{magnitude}"),
            _ => {
                format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = decimals as usize)
            }
        }
    }

    /// Parses a decimal amount such as `123.45` or `-7`.
    ///
    /// # Errors
    /// [`InvalidMoney`] when it is no plain decimal, has too many decimals or overflows.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let (negative, digits) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || fraction.is_some_and(|part| !plain(part)) {
            return Err(InvalidMoney::Amount);
        }
        let decimals = currency.decimals() as usize;
        let fraction = fraction.unwrap_or("");
        if fraction.len() > decimals {
            return Err(InvalidMoney::Decimals);
        }
        let magnitude: i64 =
            format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| InvalidMoney::TooLarge)?;
        Ok(Self::new(if negative { -magnitude } else { magnitude }, currency))
    }

    /// The sum, or `None` on overflow or different currencies.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        (self.currency == other.currency)
            .then(|| self.minor.checked_add(other.minor).map(|minor| Self::new(minor, self.currency)))?
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMoney<'a> {
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireMoney { amount: self.amount().into(), currency: self.currency.code().into() }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireMoney::deserialize(deserializer)?;
        let currency = wire.currency.parse().map_err(de::Error::custom)?;
        Self::parse(&wire.amount, currency).map_err(de::Error::custom)
    }
}

/// The OpenAPI schema of [`Money`].
#[derive(ToSchema)]
#[schema(as = Money)]
#[expect(dead_code, reason = "read by the schema derive only")]
struct MoneySchema {
    /// Decimal amount with the currency's decimals.
    #[schema(example = "123.45")]
    amount: String,
    /// ISO 4217 code.
    #[schema(example = "EUR")]
    currency: String,
}

impl PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        MoneySchema::schema()
    }
}

impl ToSchema for Money {
    fn name() -> Cow<'static, str> {
        "Money".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_the_decimals_of_their_currency() {
        let yen = "JPY".parse().unwrap();
        assert_eq!(Money::new(-5, Currency::EUR).amount(), "-0.05");
        assert_eq!(Money::new(12345, Currency::EUR).to_string(), "123.45 EUR");
        assert_eq!(Money::new(700, yen).amount(), "700");
        assert_eq!(Money::parse("7.5", Currency::EUR), Ok(Money::new(750, Currency::EUR)));
        assert_eq!(Money::parse("7.5", yen), Err(InvalidMoney::Decimals));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "-", ".5", "1.", "1e3", "+1", "1,00", " 1", "--1", "٣"] {
            assert_eq!(Money::parse(text, Currency::EUR), Err(InvalidMoney::Amount), "{text:?}");
        }
        assert_eq!(Money::parse("99999999999999999999", Currency::EUR), Err(InvalidMoney::TooLarge));
    }

    #[test]
    fn the_wire_form_is_two_strings() {
        let money = Money::new(8972, Currency::EUR);
        let json = serde_json::json!({"amount": "89.72", "currency": "EUR"});
        assert_eq!(serde_json::to_value(money).unwrap(), json);
        assert_eq!(serde_json::from_value::<Money>(json).unwrap(), money);
        let extra = serde_json::json!({"amount": "1.00", "currency": "EUR", "vat": 1});
        assert!(serde_json::from_value::<Money>(extra).is_err());
    }
}
