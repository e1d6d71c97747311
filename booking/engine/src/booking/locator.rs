//! Record locators: what travellers keep of a booking.

use std::{fmt, str::FromStr};

/// 32 characters that are not mistaken for each other: no 0, O, 1, I.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Six characters of 32. Drawn at random: whether it is free is found out when it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locator(String);

/// A text that is no locator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be six letters and digits without 0, O, 1 and I")]
pub struct InvalidLocator;

impl Locator {
    /// A random one.
    pub fn draw() -> Self {
        let bits: u32 = rand::random();
        let character = |position: u32| char::from(ALPHABET[(bits >> (5 * position) & 31) as usize]);
        Self((0..6).map(character).collect())
    }

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

    /// Small letters are understood: people type them.
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
    fn what_is_drawn_can_be_read() {
        for _ in 0..1000 {
            let locator = Locator::draw();
            assert_eq!(locator.as_str().to_ascii_lowercase().parse(), Ok(locator));
        }
        for text in ["", "ABC12", "ABCD10", "ABCDEO", "ABCDEFG", "ÄBCDE"] {
            assert!(text.parse::<Locator>().is_err(), "{text:?}");
        }
    }
}
