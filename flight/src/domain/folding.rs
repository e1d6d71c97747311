//! Names as searches compare them.

use any_ascii::any_ascii_char;
use unicode_normalization::UnicodeNormalization;

/// A name without what people leave out when they type it: capitals, accents, and the forms of Latin letters and
/// punctuation that a keyboard lacks. `Zürich`, `ZÜRICH` and `zurich` are one, as are `Łódź` and `lodz`, `İstanbul`
/// and `istanbul`, `Weißenburg` and `WEISSENBURG`. Letters of other scripts keep their script.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Compatibility forms too, so that ligatures and letters of full width are those that they stand for.
    for character in text.nfkd().filter(|character| !is_accent(*character)) {
        // By way of capitals, so that ß is ss, and both small sigmas are one.
        for small in character.to_uppercase().flat_map(char::to_lowercase) {
            if small.is_ascii() {
                folded.push(small);
            } else if small.is_whitespace() {
                folded.push(' ');
            } else {
                // Latin letters that Unicode does not decompose: ø, ł, đ, æ.
                let plain = if is_latin_or_punctuation(small) { any_ascii_char(small) } else { "" };
                if plain.is_empty() {
                    folded.push(small)
                } else {
                    folded.push_str(&plain.to_ascii_lowercase())
                }
            }
        }
    }
    let words: Vec<&str> = folded.split_whitespace().collect();
    words.join(" ")
}

/// Whether a character is an accent of the letter before it.
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}')
}

/// Whether a character is a Latin letter, or an apostrophe, hyphen or the like.
fn is_latin_or_punctuation(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{2ff}' | '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1eff}' | '\u{2000}'..='\u{206f}' | '\u{2212}'
            | '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accents_and_capitals_make_no_difference() {
        for (texts, folded) in [
            (&["Zürich", "ZÜRICH", "zurich", "Zu\u{308}rich", "ｚｕｒｉｃｈ"][..], "zurich"),
            (&["Malmö", "MALMO"], "malmo"),
            (&["İstanbul", "istanbul", "ISTANBUL", "ıstanbul", "I\u{307}stanbul"], "istanbul"),
            (&["São Paulo", "sao  paulo", "SA\u{303}O\u{a0}PAULO"], "sao paulo"),
            (&["Łódź", "LODZ"], "lodz"),
            (&["Tromsø", "TROMSO"], "tromso"),
            (&["Weißenburg", "WEISSENBURG", "WEIẞENBURG"], "weissenburg"),
            (&["Ærø", "AERO"], "aero"),
            (&["Đà Nẵng", "da nang"], "da nang"),
            (&["St. John’s", "st. john's"], "st. john's"),
            (&["Baden–Baden", "baden-baden"], "baden-baden"),
            (&["Ísafjörður", "isafjordur"], "isafjordur"),
            (&["Αθήνα", "ΑΘΗΝΑ", "αθηνα"], "αθηνα"),
            (&["Πάτρας", "ΠΑΤΡΑΣ"], "πατρασ"),
            (&["Москва", "МОСКВА"], "москва"),
            (&["東京"], "東京"),
            (&["กรุงเทพ"], "กรุงเทพ"),
            (&["\u{301}", " ", ""], ""),
        ] {
            for text in texts {
                assert_eq!(fold(text), folded, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn any_case_of_a_latin_name_is_the_same_name(text in "[a-zA-ZÀ-ɏḀ-ỿ ]{0,20}") {
            let folded = fold(&text);
            prop_assert!(folded.is_ascii(), "{}", folded);
            prop_assert_eq!(fold(&text.to_uppercase()), folded.clone());
            prop_assert_eq!(fold(&text.to_lowercase()), folded);
        }
    }
}
