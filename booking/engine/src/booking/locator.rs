//! Record locators: the short references that travellers name their bookings by.

use std::{fmt, str::FromStr};

/// 32 characters that people do not confuse: no 0, O, 1, I.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A record locator: six characters of an alphabet of 32. It is drawn at random; the ledger draws again if a booking
/// has it already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locator(String);

/// The text is no record locator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be six letters and digits without 0, O, 1 and I")]
pub struct InvalidLocator;

impl Locator {
    /// The locator of these bits, of which 30 count: random bits give a random locator.
    pub fn from_bits(bits: u32) -> Self {
        let character = |position: u32| char::from(ALPHABET[(bits >> (5 * position) & 31) as usize]);
        Self((0..6).map(character).collect())
    }

    /// A random locator, for tests.
    #[cfg(any(test, feature = "samples"))]
    pub fn draw() -> Self {
        let [.., a, b, c, d] = uuid::Uuid::now_v7().into_bytes();
        Self::from_bits(u32::from_be_bytes([a, b, c, d]))
    }

    /// The six characters, in capitals.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Locator {
    type Err = InvalidLocator;

    /// Accepts small letters, too: people type them.
    fn from_str(text: &str) -> Result<Self, InvalidLocator> {
        let text = text.to_ascii_uppercase();
        let valid = text.len() == 6 && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if valid { Ok(Self(text)) } else { Err(InvalidLocator) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_locator_is_parsed_back() {
        for _ in 0..1000 {
            let locator = Locator::draw();
            assert_eq!(locator.as_str().to_ascii_lowercase().parse(), Ok(locator));
        }
        for text in ["", "ABC12", "ABCD10", "ABCDEO", "ABCDEFG", "ÄBCDE"] {
            assert!(text.parse::<Locator>().is_err(), "{text:?}");
        }
    }
}
