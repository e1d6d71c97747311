//! The texts of letters by language, with those of the documents.

use chrono::{DateTime, Utc};
use documents::{
    Catalogue, DocumentLanguage,
    local_format::{clock, short_date, utc_clock},
};
use shared::{events::AlertReason, flight_time::FlightTime};
use std::sync::LazyLock;

static ENGLISH: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::with_source(DocumentLanguage::English, include_str!("../../texts/en.ftl")));
static GERMAN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::with_source(DocumentLanguage::German, include_str!("../../texts/de.ftl")));

/// The texts of letters in a language.
pub(crate) fn catalogue(language: DocumentLanguage) -> &'static Catalogue {
    match language {
        DocumentLanguage::English => &ENGLISH,
        DocumentLanguage::German => &GERMAN,
    }
}

/// The key of what an alert tells; with `-subject`, that of its subject line.
pub(crate) fn alert_key(reason: AlertReason) -> &'static str {
    match reason {
        AlertReason::NewDevice => "session_alert-new_device",
        AlertReason::PasswordChanged => "session_alert-password_changed",
        AlertReason::TotpChanged => "session_alert-totp_changed",
        AlertReason::ApiKeysChanged => "session_alert-api_keys_changed",
        AlertReason::RefreshTokenReused => "session_alert-refresh_token_reused",
    }
}

/// `Mon, 14 Dec 2026, 09:05 UTC`.
pub(super) fn when_utc(language: DocumentLanguage, at: DateTime<Utc>) -> String {
    let values = [("date", short_date(language, at.date_naive())), ("time", utc_clock(at))];
    catalogue(language).with("when-utc", values)
}

/// `Mon, 14 Dec 2026, 10:05 (Paris time)`.
pub(super) fn when_local(language: DocumentLanguage, time: &FlightTime, city: &str) -> String {
    let date = short_date(language, time.local.date());
    let values = [("date", date), ("time", clock(time.local)), ("city", city.to_owned())];
    catalogue(language).with("when-local", values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const ALL_REASONS: [AlertReason; 5] = [
        AlertReason::NewDevice,
        AlertReason::PasswordChanged,
        AlertReason::TotpChanged,
        AlertReason::ApiKeysChanged,
        AlertReason::RefreshTokenReused,
    ];

    /// The messages of a source with the variables of each.
    fn messages(source: &'static str) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let variable = |rest: &'static str| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
        let lines = source.lines().filter_map(|line| line.split_once(" = "));
        lines.map(|(key, pattern)| (key, pattern.split('$').skip(1).map(variable).collect())).collect()
    }

    #[test]
    fn all_catalogues_have_the_same_messages_and_variables() {
        let english = messages(include_str!("../../texts/en.ftl"));
        assert!(english.len() > 70 && english["when-local"].len() == 3, "the catalogue was read");
        assert_eq!(english, messages(include_str!("../../texts/de.ftl")));
    }

    #[test]
    fn every_alert_has_its_words() {
        for language in DocumentLanguage::ALL {
            for reason in ALL_REASONS {
                let wire = serde_json::to_value(reason).unwrap();
                assert_eq!(format!("session_alert-{}", wire.as_str().unwrap()), alert_key(reason));
                for key in [alert_key(reason).to_owned(), format!("{}-subject", alert_key(reason))] {
                    assert!(catalogue(language).find(&key, None).is_some(), "{key}");
                }
            }
        }
    }

    #[test]
    fn times_are_written_as_the_language_does() {
        let time = FlightTime::from_local("2026-12-14T10:05".parse().unwrap(), "Europe/Paris").unwrap();
        assert_eq!(when_utc(DocumentLanguage::English, time.at), "Mon, 14 Dec 2026, 09:05 UTC");
        assert_eq!(when_utc(DocumentLanguage::German, time.at), "Mo., 14.12.2026, 09:05 Uhr UTC");
        assert_eq!(
            when_local(DocumentLanguage::English, &time, "Paris"),
            "Mon, 14 Dec 2026, 10:05 (Paris time)"
        );
    }
}
