//! Names of people.

use serde::Deserialize;

/// Characters at most.
const LONGEST: usize = 100;

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty or too long.
    #[error("must have 1 to 100 characters")]
    Length,
    /// It would break lines.
    #[error("must not contain control characters")]
    Control,
}

/// A given or a family name, in any script, without spaces around it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PersonName(String);

impl PersonName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let name = text.trim();
        if name.chars().any(char::is_control) {
            return Err(InvalidName::Control);
        }
        let length = name.chars().count();
        if (1..=LONGEST).contains(&length) { Ok(Self(name.to_owned())) } else { Err(InvalidName::Length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_of_any_script() {
        let parse = |text: &str| PersonName::try_from(text.to_owned());
        assert_eq!(parse(" Zo\u{eb} \u{5d0}\u{5d1} ").unwrap().as_str(), "Zo\u{eb} \u{5d0}\u{5d1}");
        assert_eq!(parse("  "), Err(InvalidName::Length));
        assert_eq!(parse(&"x".repeat(101)), Err(InvalidName::Length));
        assert_eq!(parse("a\r\nb"), Err(InvalidName::Control));
    }
}
