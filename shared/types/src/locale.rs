//! Languages of users and letters.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a language tag such as en or pt-BR")]
pub struct InvalidLocale;

/// A language tag in the shape of BCP 47: a language of 2-3 letters and further subtags.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

impl Locale {
    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A stored tag, which was checked before it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Locale> for String {
    fn from(Locale(tag): Locale) -> Self {
        tag
    }
}

impl FromStr for Locale {
    type Err = InvalidLocale;

    fn from_str(text: &str) -> Result<Self, InvalidLocale> {
        Self::try_from(text.to_owned())
    }
}

impl Default for Locale {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

impl TryFrom<String> for Locale {
    type Error = InvalidLocale;

    fn try_from(text: String) -> Result<Self, InvalidLocale> {
        let mut subtags = text.split('-');
        let language = subtags.next().unwrap_or_default();
        let is_language =
            (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let are_subtags = subtags
            .all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        // RFC 5646, 4.4.1: 35 characters hold every tag without extensions.
        if is_language && are_subtags && text.len() <= 35 { Ok(Self(text)) } else { Err(InvalidLocale) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_look_like_bcp_47() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "gsw", "de-CH-1996"] {
            assert_eq!(Locale::try_from(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "e", "english", "en_GB", "en-", "-en", "en GB", "d\u{e9}", "en-abcdefghi"] {
            assert_eq!(Locale::try_from(bad.to_owned()), Err(InvalidLocale), "{bad}");
        }
    }
}
