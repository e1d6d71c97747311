//! Languages of users.

use serde::Deserialize;

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a language tag such as en or pt-BR")]
pub(crate) struct InvalidLocale;

/// A language tag in the shape of BCP 47: a language of 2-3 letters and further subtags.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Locale(String);

impl Locale {
    /// The tag.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
