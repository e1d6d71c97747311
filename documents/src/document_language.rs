//! The languages in which documents are written.

/// A language of the documents' texts, with its way to write dates and amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DocumentLanguage {
    /// British English.
    #[default]
    English,
    /// German.
    German,
}

impl DocumentLanguage {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language that fits a BCP 47 tag such as `de-AT` best: English where none does.
    #[must_use]
    pub fn of_tag(tag: &str) -> Self {
        Self::known(tag).unwrap_or_default()
    }

    /// The language of a BCP 47 tag; `None` where documents are not written in it.
    #[must_use]
    pub fn known(tag: &str) -> Option<Self> {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|known| known.tag().eq_ignore_ascii_case(language))
    }

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_finds_its_language() {
        for tag in ["de", "de-AT", "DE", "de-CH-1996"] {
            assert_eq!(DocumentLanguage::of_tag(tag), DocumentLanguage::German, "{tag}");
        }
        for tag in ["en", "en-GB", "fr", "den", ""] {
            assert_eq!(DocumentLanguage::of_tag(tag), DocumentLanguage::English, "{tag}");
            assert_eq!(DocumentLanguage::known(tag).is_some(), tag.starts_with("en"), "{tag}");
        }
    }
}
