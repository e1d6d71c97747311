//! Names of people, as travellers and users write them: one grammar for accounts and passengers.

mod characters;
mod fold;

pub use fold::fold;

use characters::{is_letter, joiners_join, may_stand_in_a_name, turns_direction};
use serde::Deserialize;
use std::{ops::RangeInclusive, str::FromStr};
use unicode_normalization::UnicodeNormalization;

/// Characters that a name may have once it is [`normalised`].
pub const NAME_LENGTH: RangeInclusive<usize> = 1..=60;

/// A given or family name: letters of any script, with what stands between letters. [`normalised`], unless an
/// earlier release has stored it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PersonName(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It is empty or too long.
    #[error("must have 1 to 60 characters")]
    Length,
    /// It has characters that names do not have.
    #[error(
        "must consist of letters, spaces, hyphens, apostrophes and full stops: no digits, symbols or emoji"
    )]
    Characters,
    /// It would turn the direction of the text around it.
    #[error("must not contain characters that turn the direction of text")]
    Direction,
    /// Mail programs would make a link of it.
    #[error("must not look like a web or e-mail address")]
    Address,
}

impl PersonName {
    /// A name that was checked when it was stored, perhaps by the rules of an earlier release.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

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

    /// The name as it is compared, see [`fold`].
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

impl FromStr for PersonName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let text = normalised(text);
        if !NAME_LENGTH.contains(&text.chars().count()) {
            return Err(InvalidName::Length);
        }
        if text.chars().any(turns_direction) {
            return Err(InvalidName::Direction);
        }
        if looks_like_an_address(&text) {
            return Err(InvalidName::Address);
        }
        let known = text.chars().all(may_stand_in_a_name) && text.chars().any(is_letter);
        if known && joiners_join(&text) { Ok(Self(text)) } else { Err(InvalidName::Characters) }
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

/// A name put in order, as it is checked and stored: in normalisation form C (of the ways to write the same letters
/// with the same marks, the one that keyboards of most systems write), with plain apostrophes and hyphens, and one
/// space between words. Not form KC, which would take letters for others that only look alike.
#[must_use]
pub fn normalised(text: &str) -> String {
    // Most names by far have no other spelling.
    if text.is_ascii() { words(text.chars().map(punctuation)) } else { words(text.nfc().map(punctuation)) }
}

/// The plain form of an apostrophe or a hyphen; other characters stay.
fn punctuation(character: char) -> char {
    match character {
        '\u{2018}' | '\u{2019}' | '\u{2bc}' | '`' | '\u{b4}' => '\'',
        '\u{2010}'..='\u{2013}' | '\u{2212}' => '-',
        other => other,
    }
}

/// A text with one space between its words.
fn words(text: impl Iterator<Item = char>) -> String {
    let mut words = String::with_capacity(text.size_hint().0);
    let mut gap = false;
    for character in text {
        if character.is_whitespace() {
            gap = true;
            continue;
        }
        if gap && !words.is_empty() {
            words.push(' ');
        }
        gap = false;
        words.push(character);
    }
    words
}

/// Whether mail programs would make a link of a name, so that a letter to a stranger could carry one: characters of
/// addresses, or two dots between labels of two letters or more. One such dot may stand: St.Clair is a name.
fn looks_like_an_address(name: &str) -> bool {
    let is_label = |text: &str| text.chars().filter(|character| is_letter(*character)).nth(1).is_some();
    let dots = |word: &str| {
        let labels: Vec<bool> = word.split('.').map(is_label).collect();
        labels.windows(2).filter(|pair| pair[0] && pair[1]).count()
    };
    name.contains(['@', '/', ':']) || name.split(' ').map(dots).sum::<usize>() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidName> {
        text.parse().map(|name: PersonName| name.0)
    }

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
            assert!(read(text).is_ok(), "{text}");
        }
        assert_eq!(read("  Ada   Maria "), Ok("Ada Maria".to_owned()));
        for text in ["", " ", &"x".repeat(61), &"x".repeat(500)] {
            assert_eq!(read(text), Err(InvalidName::Length), "{text:?}");
        }
        for text in ["a\u{202e}b", "a\u{2067}b", "\u{200f}محمد"] {
            assert_eq!(read(text), Err(InvalidName::Direction), "{text:?}");
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
            "refund\u{3002}claims\u{ff0e}example",
        ] {
            assert_eq!(read(text), Err(InvalidName::Characters), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_put_in_order_before_it_is_checked() {
        assert_eq!(read("Zoe\u{308}"), Ok("Zo\u{eb}".to_owned()));
        assert_eq!(read("Nguye\u{302}\u{303}n"), read("Nguy\u{1ec5}n"));
        assert_eq!(read("A\u{2000}B"), Ok("A B".to_owned()), "a space of the same width");
        assert_eq!(read("A\r\n\tB"), Ok("A B".to_owned()), "no line is broken");
        let accents = "e\u{301}".repeat(60);
        assert_eq!(read(&accents), Ok("\u{e9}".repeat(60)));
        assert_eq!(read(&format!("{accents}e\u{301}")), Err(InvalidName::Length));
        // A letter that is written as two in this form.
        assert!(read(&"\u{958}".repeat(30)).is_ok());
        assert_eq!(read(&"\u{958}".repeat(31)), Err(InvalidName::Length));
        // Letters that only look alike stay what they are.
        assert_eq!(read("\u{fb01}x"), Ok("\u{fb01}x".to_owned()));
        for apostrophe in ['\'', '`', '\u{b4}', '\u{2bc}', '\u{2018}', '\u{2019}', '\u{1fef}', '\u{1ffd}'] {
            assert_eq!(read(&format!("O{apostrophe}Neil")), Ok("O'Neil".to_owned()), "{apostrophe:?}");
        }
        for hyphen in ['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2212}'] {
            assert_eq!(read(&format!("Zoë{hyphen}Marie")), Ok("Zoë-Marie".to_owned()), "{hyphen:?}");
        }
        for other in ['\u{2014}', '\u{ad}', '\u{201c}', '"', '_'] {
            assert_eq!(read(&format!("Jean{other}Luc")), Err(InvalidName::Characters), "{other:?}");
        }
    }

    #[test]
    fn addresses_are_no_names() {
        for text in [
            "refund.airline-claims.example",
            "www.claims.example",
            "Visit refund.example or claims.example",
            "возврат.билеты.рф",
            "ada@example",
            "http:",
            "claims.example/refund",
            "Ada/Maria",
            "Ada: call us",
        ] {
            assert_eq!(read(text), Err(InvalidName::Address), "{text:?}");
        }
        for text in [
            "St.Clair",
            "J.R.",
            "J.R.R.Tolkien",
            "J. R. R. Tolkien",
            "St. John St. Clair",
            "D.Ar.By",
            "Ma. Anna Sta. Maria",
            "claims.example.",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
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
            assert_eq!(read(text), Ok(text.to_owned()));
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
            assert_eq!(read(text), Err(InvalidName::Characters), "{text:?}");
        }
    }
}
