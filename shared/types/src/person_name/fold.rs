//! When two names are the same person's.

use super::{characters::is_joiner, punctuation, words};
use icu_casemap::CaseMapper;
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// U+0307, which makes the Turkish capital İ of an I where a text is decomposed.
const DOT_ABOVE: char = '\u{307}';

/// A name as it is compared. Two names are the same person's when this is the same of both: without regard to
/// capitals (full case folding: Weiß is WEISS), to the ways in which Unicode spells letters, apostrophes and hyphens,
/// to the dot of an i (Turkish has one with and one without), and to joiners, which show how letters are drawn.
///
/// Of plain ASCII it is the name in small letters.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Most names by far.
        return words(text.chars().map(punctuation)).to_ascii_lowercase();
    }
    // Decomposed first, so that the same letters are folded alike; and again, for folding takes letters apart.
    let apart: String = text.chars().filter(|character| !is_joiner(*character)).nfd().collect();
    let small = CaseMapper::new().fold_string(&apart);
    let mut letters = String::with_capacity(small.len());
    let mut has_dot = false;
    for character in small.nfd() {
        match character {
            'i' | 'ı' => {
                letters.push('i');
                has_dot = true;
            }
            DOT_ABOVE if has_dot => {}
            other => {
                letters.push(punctuation(other));
                // A mark elsewhere at the letter (ị̇) leaves the dot with it.
                has_dot = has_dot && !matches!(canonical_combining_class(other), 0 | 230);
            }
        }
    }
    words(letters.nfc())
}

#[cfg(test)]
mod tests {
    use super::super::{PersonName, normalised};
    use super::*;
    use proptest::prelude::*;

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
            // As devices write apostrophes and hyphens.
            ("O'Neil", "O\u{2019}NEIL"),
            ("O'Neil", "O\u{2018}Neil"),
            ("O'Neil", "O\u{2bc}Neil"),
            ("O'Neil", "O`Neil"),
            ("O'Neil", "O\u{b4}Neil"),
            ("O'Neil", "O\u{1ffd}Neil"),
            ("Jean-Luc", "Jean\u{2010}Luc"),
            ("Jean-Luc", "Jean\u{2011}Luc"),
            ("Jean-Luc", "Jean\u{2012}Luc"),
            ("Jean-Luc", "Jean\u{2013}Luc"),
            ("Jean-Luc", "Jean\u{2212}Luc"),
            // Full case folding.
            ("Weiß", "WEISS"),
            ("WEI\u{1e9e}", "weiss"),
            ("\u{fb01}x", "FIX"),
            ("Σοφοκλῆς", "ΣΟΦΟΚΛΗ\u{342}Σ"),
            ("ŉdaba", "'Ndaba"),
            // All of Turkish: dotted and dotless, large and small.
            ("İlker", "ilker"),
            ("ILKER", "ilker"),
            ("ılker", "ilker"),
            ("Iş\u{131}k", "İŞİK"),
            ("i\u{307}pek", "\u{130}PEK"),
            ("\u{ed}", "i\u{307}\u{301}"),
            ("\u{131}\u{301}", "\u{cd}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one:?} and {other:?}");
        }
        for (one, other) in [
            ("Zoë", "Zoe"),
            ("Ada Maria", "AdaMaria"),
            ("O'Neil", "ONeil"),
            ("Jean-Luc", "Jean Luc"),
            ("z\u{307}", "z"),
            ("i\u{301}\u{307}", "i\u{301}"),
            ("Müller", "Mueller"),
        ] {
            assert_ne!(fold(one), fold(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn plain_names_are_compared_in_small_letters() {
        // The invariants of stored places rely on it.
        for text in ["Ada", "O'Neil", "JEAN-LUC", "St. John", "Maria  Anna"] {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(fold(text), words.to_lowercase());
        }
    }

    proptest! {
        #[test]
        fn spellings_of_a_name_are_the_same_name(
            text in "[ '`\u{b4}\u{2bc}\u{2018}\u{2019}\u{2010}-\u{2013}\u{2212}.iIıİA-Za-zÀ-ÖØ-öø-žǄ-ǌẖ-ỹΑ-Ωα-ώἀ-ᾧА-я\u{5d0}-\u{5ea}\u{900}-\u{95f}\u{ac00}-\u{d7a3}\u{fb1d}-\u{fb4e}\u{300}-\u{345}\u{200c}\u{200d}]{1,24}",
        ) {
            let (composed, decomposed) = (text.nfc().collect::<String>(), text.nfd().collect::<String>());
            prop_assert_eq!(fold(&composed), fold(&decomposed));
            prop_assert_eq!(fold(&text), fold(&fold(&text)));
            prop_assert_eq!(fold(&text), fold(&normalised(&text)));
            let name: Result<PersonName, _> = text.parse();
            prop_assert_eq!(&composed.parse(), &name);
            prop_assert_eq!(&decomposed.parse(), &name);
            if let Ok(name) = name {
                prop_assert_eq!(name.folded(), fold(&text));
                // A booking under the name as it was shown has the same name.
                prop_assert_eq!(name.as_str().parse(), Ok(name));
            }
        }
    }

    #[test]
    fn capitals_make_no_difference() {
        let mut checked = 0;
        for letter in ('\0'..=char::MAX).map(String::from) {
            let (small, large) = (letter.to_lowercase(), letter.to_uppercase());
            if small != letter || large != letter {
                assert_eq!(fold(&small), fold(&letter), "{letter:?}");
                assert_eq!(fold(&large), fold(&letter), "{letter:?}");
                checked += 1;
            }
        }
        assert!(checked > 2_800, "{checked}");
    }
}
