//! How earlier releases folded names. The passenger keys of travellers on flights may still be stored in these forms.

use shared_types::person_name::PersonName;
use unicode_normalization::UnicodeNormalization;

/// Given and family name as each earlier release folded them, the oldest release first. Names in plain ASCII have none:
/// all releases fold them to small letters.
pub(crate) fn former_folds(given: &PersonName, family: &PersonName) -> Vec<[String; 2]> {
    if given.as_str().is_ascii() && family.as_str().is_ascii() {
        return Vec::new();
    }
    [by_capitals, by_normal_form].map(|fold| [given, family].map(|name| fold(name.as_str()))).into()
}

/// The first releases: each spelling counted as another name.
fn by_capitals(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The releases after them: they ignored joiners, and composed accents with their letters. They distinguished forms of
/// apostrophes and hyphens, and did not fold capitals to more than one small letter.
fn by_normal_form(name: &str) -> String {
    let unjoined = name.replace(['\u{200c}', '\u{200d}'], "");
    let words = unjoined.split_whitespace().collect::<Vec<_>>().join(" ");
    let small = words.nfc().collect::<String>().to_lowercase();
    small.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared_types::person_name::fold;

    #[test]
    fn each_release_folds_names_in_its_way() {
        let of = |name: &str| {
            former_folds(&PersonName::stored(name.to_owned()), &PersonName::stored("X".to_owned()))
        };
        assert_eq!(of("O'Neil"), Vec::<[String; 2]>::new());
        assert_eq!(of("O\u{2019}Neil"), [["o\u{2019}neil", "x"], ["o\u{2019}neil", "x"]]);
        assert_eq!(of("ZOE\u{308}"), [["zoe\u{308}", "x"], ["zo\u{eb}", "x"]]);
        assert_eq!(
            of("\u{130}pek Wei\u{df}"),
            [["i\u{307}pek wei\u{df}", "x"], ["i\u{307}pek wei\u{df}", "x"]]
        );
    }

    proptest! {
        /// So a former fingerprint never belongs to another person's present names.
        #[test]
        fn former_folds_keep_the_present_fold(
            text in "[ '\u{b4}\u{2bc}\u{2019}\u{2010}-\u{2013}.iIıİA-Za-zÀ-ÖØ-öø-žẖ-ỹẞΑ-Ωα-ώА-я\u{300}-\u{344}\u{200c}\u{200d}]{1,24}",
        ) {
            prop_assert_eq!(fold(&by_capitals(&text)), fold(&text));
            prop_assert_eq!(fold(&by_normal_form(&text)), fold(&text));
        }
    }
}
