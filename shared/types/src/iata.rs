//! Codes of the International Air Transport Association, parsed at the edge.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// A text that is no code of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCode(&'static str);

/// Defines a newtype over `String` that can only hold texts that pass its check.
macro_rules! code {
    ($(#[$doc:meta])+ $name:ident, $valid:expr, $message:literal, $example:literal) => {
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(example = $example)]
        pub struct $name(String);

        impl $name {
            /// The code as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidCode;

            fn from_str(text: &str) -> Result<Self, InvalidCode> {
                let valid: fn(&[u8]) -> bool = $valid;
                if valid(text.as_bytes()) { Ok(Self(text.to_owned())) } else { Err(InvalidCode($message)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

fn upper(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_uppercase)
}

fn upper_or_digit(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

code! {
    /// An airport's location identifier: three capital letters, `LHR`.
    AirportCode, |b| b.len() == 3 && upper(b), "must be three capital letters, such as LHR", "LHR"
}
code! {
    /// A city's code: its metropolitan code (`LON`), else the code of its airport.
    CityCode, |b| b.len() == 3 && upper(b), "must be three capital letters, such as LON", "LON"
}
code! {
    /// An airport's ICAO location indicator: four letters or digits, `EGLL`.
    IcaoAirportCode, |b| b.len() == 4 && upper_or_digit(b), "must be four capital letters or digits, such as EGLL", "EGLL"
}
code! {
    /// An airline designator: two capital letters or digits, not two digits, `AE`.
    AirlineCode,
    |b| b.len() == 2 && upper_or_digit(b) && b.iter().any(u8::is_ascii_uppercase),
    "must be two capital letters or digits, such as AE",
    "AE"
}
code! {
    /// An airline's accounting code, the first three digits of its ticket numbers: `997`.
    AccountingCode, |b| b.len() == 3 && b.iter().all(u8::is_ascii_digit), "must be three digits, such as 997", "997"
}
code! {
    /// An aircraft type's IATA code: three capital letters or digits, `32Q`.
    AircraftTypeCode, |b| b.len() == 3 && upper_or_digit(b), "must be three capital letters or digits, such as 32Q", "32Q"
}
code! {
    /// An airplane's registration mark: 3 to 10 capital letters, digits and hyphens, `G-AERO`.
    Registration,
    |b| (3..=10).contains(&b.len())
        && b.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'-')
        && b[0] != b'-' && b[b.len() - 1] != b'-',
    "must be 3 to 10 capital letters, digits and hyphens, such as G-AERO",
    "G-AERO"
}
code! {
    /// A country's ISO 3166-1 alpha-2 code, `GB`.
    CountryCode, |b| b.len() == 2 && upper(b), "must be two capital letters, such as GB", "GB"
}
code! {
    /// A flight number: an airline code and 1 to 4 digits without leading zeros, `AE101`.
    FlightNumber,
    |b| b.len() >= 3 && b.len() <= 6
        && upper_or_digit(&b[..2]) && b[..2].iter().any(u8::is_ascii_uppercase)
        && b[2..].iter().all(u8::is_ascii_digit) && b[2] != b'0',
    "must be an airline code and 1 to 4 digits, such as AE101",
    "AE101"
}

impl FlightNumber {
    /// The airline whose number it is.
    #[must_use]
    pub fn airline(&self) -> AirlineCode {
        AirlineCode(self.0[..2].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_checked_at_the_edge() {
        assert!("LHR".parse::<AirportCode>().is_ok());
        assert!("lhr".parse::<AirportCode>().is_err());
        assert!("ÄB".parse::<AirportCode>().is_err());
        assert!("9W".parse::<AirlineCode>().is_ok());
        assert!("99".parse::<AirlineCode>().is_err());
        assert!("-AERO".parse::<Registration>().is_err());
    }

    #[test]
    fn flight_numbers_name_their_airline() {
        assert_eq!("AE101".parse::<FlightNumber>().unwrap().airline().as_str(), "AE");
        for text in ["AE", "AE0", "AE12345", "A101", "ae101", "AE1a"] {
            assert!(text.parse::<FlightNumber>().is_err(), "{text}");
        }
    }
}
