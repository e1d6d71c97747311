//! Names in the letters of codes: A to Z.

use any_ascii::any_ascii_char;
use unicode_normalization::UnicodeNormalization;

/// A name in capital letters A to Z with single spaces between its words, as airlines and passports write it.
///
/// National characters follow ICAO Doc 9303, part 3, section 6: `Müller` is `MUELLER`, `Ørsted` is `OERSTED`, `Weiß`
/// is `WEISS`. Greek, Cyrillic and all other scripts are romanised by `any_ascii`. Apostrophes and full stops go,
/// hyphens become spaces. A name of which nothing remains is `X`, because a code needs one.
#[must_use]
pub fn code_letters(name: &str) -> String {
    let mut letters = String::with_capacity(name.len());
    for character in name.nfc() {
        match character {
            '\'' | '.' | '\u{2019}' | '\u{b7}' => {}
            other if other.is_whitespace() || other == '-' => letters.push(' '),
            other => push_letter(&mut letters, other),
        }
    }
    let words: Vec<&str> = letters.split_ascii_whitespace().collect();
    if words.is_empty() { "X".to_owned() } else { words.join(" ") }
}

fn push_letter(letters: &mut String, character: char) {
    let plain = national_letter(character).unwrap_or_else(|| any_ascii_char(character));
    letters.extend(plain.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()));
}

/// The letters that ICAO Doc 9303 writes as two.
fn national_letter(character: char) -> Option<&'static str> {
    Some(match character {
        'Ä' | 'ä' | 'Æ' | 'æ' => "AE",
        'Ö' | 'ö' | 'Ø' | 'ø' | 'Œ' | 'œ' => "OE",
        'Ü' | 'ü' => "UE",
        'Å' | 'å' => "AA",
        'ß' | 'ẞ' => "SS",
        'Þ' | 'þ' => "TH",
        'Đ' | 'đ' | 'Ð' | 'ð' => "D",
        'Ĳ' | 'ĳ' => "IJ",
        _ => return None,
    })
}

/// A word in Latin letters, for a font that lacks its own: each run of letters begins with a capital.
#[must_use]
pub(crate) fn romanised(word: &str) -> String {
    let mut latin = String::with_capacity(word.len());
    let mut within_word = false;
    for character in word.nfc().flat_map(|character| any_ascii_char(character).chars()) {
        if within_word {
            latin.push(character);
        } else {
            latin.extend(character.to_uppercase());
        }
        within_word = character.is_ascii_alphabetic() || character == '\'';
    }
    latin
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_letters_of_codes() {
        for (name, letters) in [
            ("Desmarais", "DESMARAIS"),
            ("Müller-Lüdenscheidt", "MUELLER LUEDENSCHEIDT"),
            ("Mu\u{308}ller", "MUELLER"),
            ("Weiß", "WEISS"),
            ("O'Brien", "OBRIEN"),
            ("O’Neil", "ONEIL"),
            ("St. John", "ST JOHN"),
            ("Ørsted Åberg", "OERSTED AABERG"),
            ("Łukasz Żółć", "LUKASZ ZOLC"),
            ("Đorđević", "DORDEVIC"),
            ("Nguyễn", "NGUYEN"),
            ("İnönü", "INOENUE"),
            ("Παπαδόπουλος", "PAPADOPOYLOS"),
            ("Щербаков", "SHCHERBAKOV"),
            ("Юлия", "YULIYA"),
            ("李", "LI"),
            ("محمد", "MHMD"),
            ("Gal·la", "GALLA"),
            ("", "X"),
            ("-", "X"),
        ] {
            assert_eq!(code_letters(name), letters, "{name}");
        }
    }

    #[test]
    fn romanised_words_begin_with_a_capital() {
        assert_eq!(romanised("محمد"), "Mhmd");
        assert_eq!(romanised("שרה"), "Srh");
        assert_eq!(romanised("Ada"), "Ada");
    }

    proptest! {
        #[test]
        fn nothing_but_letters_and_single_spaces_remains(name in any::<String>()) {
            let letters = code_letters(&name);
            prop_assert!(!letters.is_empty());
            prop_assert!(letters.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' '), "{}", letters);
            prop_assert!(!letters.contains("  ") && letters.trim() == letters);
        }
    }
}
