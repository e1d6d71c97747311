//! What people are called.

use super::name_characters::{is_joiner, is_letter, joiners_join, may_stand_in_a_name, turns_direction};
use std::{ops::RangeInclusive, str::FromStr};
use unicode_normalization::UnicodeNormalization;

/// Characters that a name may have in normalisation form C.
pub(crate) const NAME_LENGTH: RangeInclusive<usize> = 1..=60;

/// A given or family name: letters of any script, with what stands between letters. In normalisation form C,
/// unless an earlier release has stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidName {
    #[error("must have 1 to 60 characters")]
    Length,
    #[error(
        "must consist of letters, spaces, hyphens, apostrophes and full stops: no digits, symbols or emoji"
    )]
    Characters,
    #[error("must not contain characters that turn the direction of text")]
    Direction,
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// One that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// For comparing: without regard to spelling and capitals.
    pub(crate) fn folded(&self) -> String {
        fold(&self.0)
    }

    /// As releases compared it that took each spelling for another name.
    pub(super) fn formerly_folded(&self) -> String {
        self.0.trim().to_lowercase()
    }
}

/// A text in normalisation form C: of the ways to write the same letters with the same marks, the one that
/// keyboards of most systems write. Not form KC, which would take letters for others that only look alike.
pub(crate) fn normalised(text: &str) -> String {
    // Most names by far: they have no other spelling.
    if text.is_ascii() { text.to_owned() } else { text.nfc().collect() }
}

/// A text with one space between its words.
fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

/// A name as it is compared: without capitals, and without joiners, which show how letters are drawn and
/// not which they are.
pub(crate) fn fold(text: &str) -> String {
    let words = words(&text.replace(is_joiner, ""));
    // Normalised first, so that the same letters become small ones; and again, for some small letters are one with
    // a mark (ẖ) of which the capital stands apart.
    normalised(&normalised(&words).to_lowercase())
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let text = words(&normalised(text));
        if !NAME_LENGTH.contains(&text.chars().count()) {
            return Err(InvalidName::Length);
        }
        if text.chars().any(turns_direction) {
            return Err(InvalidName::Direction);
        }
        let known = text.chars().all(may_stand_in_a_name) && text.chars().any(is_letter);
        if known && joiners_join(&text) { Ok(Self(text)) } else { Err(InvalidName::Characters) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_all_scripts_are_names() {
        for text in [
            "Ada",
            "O'Brien",
            "Jean-Luc",
            "María José",
            "李",
            "محمد",
            "شَهْرَزَاد",
            "שָׂרָה",
            "सत्या",
            "Nguyễn",
            "St. John",
            "Ngu\u{303}ye\u{302}\u{301}n",
            "สมชาย",
            "គឹម",
            "தமிழ்",
            "မြင့်",
            "Gal·la",
        ] {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        assert_eq!("  Ada   Maria ".parse::<Name>().map(|name| name.0), Ok("Ada Maria".to_owned()));
        for text in ["", " ", &"x".repeat(61), &"x".repeat(500)] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Length), "{text:?}");
        }
        for text in ["a\u{202e}b", "a\u{2067}b", "\u{200f}محمد"] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Direction), "{text:?}");
        }
        for text in [
            "-",
            "Ada1",
            "Ada\u{7}",
            "😀",
            "Ada😀",
            "👨\u{200d}👩",
            "🅰",
            "Ⓐda",
            "𝒜da",
            "\u{3164}",
            "A\u{20e3}",
            "a\u{fe0f}",
            "<b>",
            "\u{301}",
            "Ada\u{feff}",
            "٣",
            "€va",
        ] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Characters), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_normalised_before_it_is_looked_at() {
        let read = |text: &str| text.parse::<Name>().map(|name| name.0);
        assert_eq!(read("Zoe\u{308}"), Ok("Zo\u{eb}".to_owned()));
        assert_eq!(read("Nguye\u{302}\u{303}n"), read("Nguy\u{1ec5}n"));
        assert_eq!(read("A\u{2000}B"), Ok("A B".to_owned()), "a space of the same width");
        let accents = "e\u{301}".repeat(60);
        assert_eq!(read(&accents), Ok("\u{e9}".repeat(60)));
        assert_eq!(read(&format!("{accents}e\u{301}")), Err(InvalidName::Length));
        // A letter that is written as two in this form.
        assert!(read(&"\u{958}".repeat(30)).is_ok());
        assert_eq!(read(&"\u{958}".repeat(31)), Err(InvalidName::Length));
        // Letters that only look alike stay what they are.
        assert_eq!(read("\u{fb01}x"), Ok("\u{fb01}x".to_owned()));
    }

    #[test]
    fn joiners_stand_between_letters() {
        for text in [
            "دانه\u{200c}ها",
            "مهدی\u{200c}نیا رضا\u{200c}زاده",
            "क्\u{200d}षमा",
            "श्री\u{200d}निवास",
            "लक्\u{200c}ष्मी",
            "അവന്\u{200d}",
            "മോഹന്\u{200d} നായര്\u{200d}",
        ] {
            assert_eq!(text.parse::<Name>().map(|name| name.0), Ok(text.to_owned()));
        }
        for text in [
            "Ada\u{200d}",
            "\u{200c}Ada",
            "Ada\u{200d} Maria",
            "Ada \u{200d}Maria",
            "Ada \u{200d} Maria",
            "A\u{200d}\u{200c}da",
            "A\u{200d}\u{200d}da",
            "O\u{200d}'Brien",
            "Jean-\u{200c}Luc",
            "\u{200d}",
            "അവന്\u{200c}",
            "അവന്\u{200d}\u{200d}",
        ] {
            assert_eq!(text.parse::<Name>(), Err(InvalidName::Characters), "{text:?}");
        }
    }

    #[test]
    fn names_are_compared_without_regard_to_spelling() {
        for (one, other) in [
            ("Zo\u{eb}", "ZOE\u{308}"),
            ("دانه\u{200c}ها", "دانهها"),
            ("  Ada \u{3000} Maria ", "ada maria"),
            ("Ada\u{200d} \u{200c} Maria", "ada maria"),
            // Without the joiner the letter has the mark, and the marks have their order.
            ("e\u{200d}\u{301}", "\u{e9}"),
            ("a\u{307}\u{200d}\u{323}", "a\u{323}\u{307}"),
            ("H\u{331}", "\u{1e96}"),
            ("\u{130}\u{323}pek", "I\u{323}\u{307}pek"),
            ("\u{212b}sa", "\u{e5}sa"),
        ] {
            assert_eq!(fold(one), fold(other), "{one:?} and {other:?}");
        }
        for (one, other) in [("Zoë", "Zoe"), ("\u{fb01}x", "fix"), ("Ada Maria", "AdaMaria")] {
            assert_ne!(fold(one), fold(other), "{one:?} and {other:?}");
        }
    }

    proptest! {
        #[test]
        fn spellings_of_a_name_are_the_same_name(
            text in "[ A-Za-zÀ-ÖØ-öø-žǄ-ǌẖ-ỹΑ-Ωα-ώἀ-ᾧА-я\u{5d0}-\u{5ea}\u{900}-\u{95f}\u{ac00}-\u{d7a3}\u{fb1d}-\u{fb4e}\u{300}-\u{345}\u{200c}\u{200d}]{1,24}",
        ) {
            let (composed, decomposed) = (text.nfc().collect::<String>(), text.nfd().collect::<String>());
            prop_assert_eq!(fold(&composed), fold(&decomposed));
            prop_assert_eq!(fold(&text), fold(&fold(&text)));
            let name: Result<Name, _> = text.parse();
            prop_assert_eq!(&composed.parse(), &name);
            prop_assert_eq!(&decomposed.parse(), &name);
            if let Ok(name) = name {
                prop_assert_eq!(name.folded(), fold(&text));
                // Who books under the name as it was shown has the same name.
                prop_assert_eq!(name.as_str().parse(), Ok(name));
            }
        }
    }
}
