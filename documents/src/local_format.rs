//! Dates and amounts, as a language writes them. The patterns are those of the CLDR, by ICU4X.

use crate::{DocumentLanguage, catalogue::Catalogue};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use icu_datetime::{DateTimeFormatter, fieldsets::YMDE, input::Date};
use icu_decimal::{DecimalFormatter, input::Decimal};
use icu_locale_core::{Locale, locale};
use shared_types::{flight_time::LocalMinute, money::Money};

/// The formatters of a language. Making them takes much longer than using them.
struct Formatters {
    long_date: Option<DateTimeFormatter<YMDE>>,
    short_date: Option<DateTimeFormatter<YMDE>>,
    decimal: Option<DecimalFormatter>,
}

thread_local! {
    // A formatter cannot be shared between threads.
    static ENGLISH: Formatters = Formatters::new(&locale!("en-GB"));
    static GERMAN: Formatters = Formatters::new(&locale!("de"));
}

impl Formatters {
    fn new(locale: &Locale) -> Self {
        let date = |fields| DateTimeFormatter::try_new(locale.clone().into(), fields).ok();
        Self {
            long_date: date(YMDE::long()),
            short_date: date(YMDE::medium()),
            decimal: DecimalFormatter::try_new(locale.clone().into(), Default::default()).ok(),
        }
    }
}

fn with<T>(language: DocumentLanguage, use_formatters: impl FnOnce(&Formatters) -> T) -> T {
    match language {
        DocumentLanguage::English => ENGLISH.with(use_formatters),
        DocumentLanguage::German => GERMAN.with(use_formatters),
    }
}

fn date(formatter: Option<&DateTimeFormatter<YMDE>>, date: NaiveDate) -> String {
    let month = u8::try_from(date.month()).unwrap_or_default();
    let day = u8::try_from(date.day()).unwrap_or_default();
    match (formatter, Date::try_new_iso(date.year(), month, day)) {
        (Some(formatter), Ok(date)) => formatter.format(&date).to_string(),
        // The data of both languages is built in, and all dates of flights are in range: never reached.
        _ => date.to_string(),
    }
}

/// `Monday, 14 December 2026`, `Montag, 14. Dezember 2026`.
#[must_use]
pub fn long_date(language: DocumentLanguage, day: NaiveDate) -> String {
    with(language, |formatters| date(formatters.long_date.as_ref(), day))
}

/// `Mon, 14 Dec 2026`, `Mo., 14.12.2026`.
#[must_use]
pub fn short_date(language: DocumentLanguage, day: NaiveDate) -> String {
    with(language, |formatters| date(formatters.short_date.as_ref(), day))
}

/// `10:30`, in both languages.
#[must_use]
pub fn clock(time: LocalMinute) -> String {
    let time = time.civil();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// `09:05` of an instant, in UTC.
#[must_use]
pub fn utc_clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M").to_string()
}

/// `EUR 1,482.56`, `1.482,56 EUR`: with the currency's code, which names a currency more exactly than its sign.
#[must_use]
pub fn money(language: DocumentLanguage, money: Money) -> String {
    let mut decimal = Decimal::from(money.minor);
    decimal.multiply_pow10(-i16::try_from(money.currency.decimals()).unwrap_or_default());
    let amount = with(language, |formatters| {
        formatters
            .decimal
            .as_ref()
            .map_or_else(|| money.amount(), |formatter| formatter.format(&decimal).to_string())
    });
    let values = [("currency", money.currency.code().to_owned()), ("amount", amount)];
    Catalogue::of(language).with("money", values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use DocumentLanguage::{English, German};
    use shared_types::money::Currency;

    #[test]
    fn dates_follow_the_language() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 14).unwrap();
        assert_eq!(long_date(English, day), "Monday, 14 December 2026");
        assert_eq!(short_date(English, day), "Mon, 14 Dec 2026");
        assert_eq!(long_date(German, day), "Montag, 14. Dezember 2026");
        assert_eq!(short_date(German, day), "Mo., 14.12.2026");
    }

    #[test]
    fn amounts_follow_the_language_and_the_currency() {
        let euros = |minor| Money::new(minor, Currency::EUR);
        assert_eq!(money(English, euros(148_200)), "EUR\u{a0}1,482.00");
        assert_eq!(money(German, euros(123_456_789)), "1.234.567,89\u{a0}EUR");
        assert_eq!(money(English, euros(-5)), "EUR\u{a0}-0.05");
        assert_eq!(money(English, Money::new(9000, "JPY".parse().unwrap())), "JPY\u{a0}9,000");
        assert_eq!(money(German, Money::new(9000, "BHD".parse().unwrap())), "9,000\u{a0}BHD");
    }

    #[test]
    fn clocks_have_two_digits() {
        assert_eq!(clock("2026-12-14T09:05".parse().unwrap()), "09:05");
    }
}
