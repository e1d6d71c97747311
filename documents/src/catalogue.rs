//! Texts by language: one Fluent catalogue a language, built into the program. Letters add their own texts to those of
//! the documents.

use crate::DocumentLanguage;
use fluent::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use std::sync::LazyLock;

/// The messages of a language.
pub struct Catalogue(FluentBundle<FluentResource>);

static ENGLISH: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::read(DocumentLanguage::English, include_str!("../texts/en.ftl")));
static GERMAN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::read(DocumentLanguage::German, include_str!("../texts/de.ftl")));

impl Catalogue {
    /// The texts of the documents in a language.
    #[must_use]
    pub fn of(language: DocumentLanguage) -> &'static Self {
        match language {
            DocumentLanguage::English => &ENGLISH,
            DocumentLanguage::German => &GERMAN,
        }
    }

    /// The texts of the documents in a language, and those of another Fluent source.
    #[must_use]
    pub fn with_source(language: DocumentLanguage, source: &str) -> Self {
        let mut catalogue = match language {
            DocumentLanguage::English => Self::read(language, include_str!("../texts/en.ftl")),
            DocumentLanguage::German => Self::read(language, include_str!("../texts/de.ftl")),
        };
        catalogue.0.add_resource_overriding(resource(source));
        catalogue
    }

    fn read(language: DocumentLanguage, source: &str) -> Self {
        let locales = language.tag().parse().into_iter().collect();
        let mut bundle = FluentBundle::new_concurrent(locales);
        // The marks that isolate right-to-left values are no glyphs of a ticket, and all values run left to right.
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource(source));
        Self(bundle)
    }

    /// A message without variables. A test reads all messages that the documents use, so an unknown one, which gives
    /// its own key, does not pass.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// A message with variables.
    #[must_use]
    pub fn with<'a, V: Into<FluentValue<'a>>>(
        &self,
        key: &str,
        values: impl IntoIterator<Item = (&'a str, V)>,
    ) -> String {
        let arguments: FluentArgs<'a> =
            values.into_iter().map(|(name, value)| (name, value.into())).collect();
        self.format(key, Some(&arguments))
    }

    /// A message, with its variables; `None` where there is no such message, or it has other variables.
    #[must_use]
    pub fn find(&self, key: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.0.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = self.0.format_pattern(pattern, arguments, &mut errors).into_owned();
        errors.is_empty().then_some(text)
    }

    /// The same, with variables that are texts.
    #[must_use]
    pub fn find_with(&self, key: &str, values: impl IntoIterator<Item = (String, String)>) -> Option<String> {
        let arguments: FluentArgs<'_> = values.into_iter().collect();
        self.find(key, Some(&arguments))
    }

    fn format(&self, key: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        self.find(key, arguments).unwrap_or_else(|| {
            debug_assert!(false, "no message {key} with these variables");
            key.to_owned()
        })
    }
}

fn resource(source: &str) -> FluentResource {
    FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, errors)| {
        debug_assert!(errors.is_empty(), "{errors:?}");
        resource
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The messages of a source with the variables of each.
    fn messages(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
                current = key.to_owned();
                messages.entry(current.clone()).or_default();
            }
            let variables = line.split('$').skip(1).map(|rest| {
                rest.chars().take_while(|character| character.is_ascii_alphanumeric()).collect::<String>()
            });
            messages.entry(current.clone()).or_default().extend(variables);
        }
        messages
    }

    #[test]
    fn all_catalogues_have_the_same_messages_and_variables() {
        let english = messages(include_str!("../texts/en.ftl"));
        assert!(english.len() > 60 && english["conditions-of"].len() == 2, "the catalogue was read");
        assert_eq!(english, messages(include_str!("../texts/de.ftl")));
    }

    #[test]
    fn numbers_choose_their_form() {
        let bags = |language, count: i64| Catalogue::of(language).with("checked-bags", [("count", count)]);
        assert_eq!(bags(DocumentLanguage::English, 0), "No checked bag");
        assert_eq!(bags(DocumentLanguage::English, 1), "1 checked bag");
        assert_eq!(bags(DocumentLanguage::German, 2), "2 Gepäckstücke zur Aufgabe");
    }
}
