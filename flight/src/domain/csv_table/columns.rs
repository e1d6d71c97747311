//! The columns of a table, and the forms that their fields have in a file.

use serde_json::{Map, Number, Value, json};
use shared::{fare::FlightFare, seat::CabinSection};
use std::fmt::Display;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name: that of the member of the resource.
    pub name: &'static str,
    /// The JSON value of a field that is not empty; else a sentence for people.
    pub parse: fn(&str) -> Result<Value, String>,
    /// Whether a file may lack it.
    pub optional: bool,
}

impl Column {
    /// A column that every file has.
    #[must_use]
    pub const fn new(name: &'static str, parse: fn(&str) -> Result<Value, String>) -> Self {
        Self { name, parse, optional: false }
    }

    /// A column that a file may lack.
    #[must_use]
    pub const fn optional(name: &'static str, parse: fn(&str) -> Result<Value, String>) -> Self {
        Self { name, parse, optional: true }
    }
}

/// A text as it is.
///
/// # Errors
/// None.
pub fn text(field: &str) -> Result<Value, String> {
    Ok(field.into())
}

/// A number with a decimal point: `51.47`.
///
/// # Errors
/// A sentence for people.
pub fn number(field: &str) -> Result<Value, String> {
    let number: Option<Number> = serde_json::from_str(field).ok().and_then(|number: Number| {
        // The parser of JSON may miss the last digits of a fraction, and an export must come back as it was.
        if number.is_f64() { Number::from_f64(field.parse().ok()?) } else { Some(number) }
    });
    let number = number.map(Value::Number);
    number.ok_or_else(|| "must be a number with a decimal point, such as 51.47".to_owned())
}

/// An amount with its currency: `24.00 EUR`.
///
/// # Errors
/// A sentence for people.
pub fn money(field: &str) -> Result<Value, String> {
    match field.split_once(' ') {
        Some((amount, currency)) => Ok(json!({"amount": amount, "currency": currency.trim()})),
        None => Err("must be an amount and its currency, such as 24.00 EUR".to_owned()),
    }
}

/// Texts between spaces: `12A 12C`.
///
/// # Errors
/// None.
pub fn words(field: &str) -> Result<Value, String> {
    Ok(field.split_whitespace().collect())
}

/// Numbers between spaces: `12 13`.
///
/// # Errors
/// A sentence for people.
pub fn numbers(field: &str) -> Result<Value, String> {
    let numbers = field.split_whitespace().map(|word| word.parse::<u32>().map(Value::from));
    numbers
        .collect::<Result<_, _>>()
        .map_err(|_| "must be whole numbers with spaces between, such as 12 13".to_owned())
}

/// Sections of cabins: `business 1-3 AC|DF / economy 4-26 ABC|DEF`.
///
/// # Errors
/// A sentence for people.
pub fn cabin_sections(field: &str) -> Result<Value, String> {
    let section = |text: &str| {
        let mut parts = text.split_whitespace();
        let (cabin, rows, columns) = (parts.next()?, parts.next()?, parts.next()?);
        let (from, to) = rows.split_once('-')?;
        let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
        let mut object = Map::new();
        object.insert("cabin".to_owned(), cabin.into());
        object.insert("rows".to_owned(), json!([from, to]));
        object.insert("columns".to_owned(), columns.into());
        parts.next().is_none().then_some(Value::Object(object))
    };
    let sections: Option<Value> = field.split('/').map(section).collect();
    sections.ok_or_else(|| "must be cabins such as business 1-3 AC|DF / economy 4-26 ABC|DEF".to_owned())
}

/// Writes what [`cabin_sections`] reads.
#[must_use]
pub fn write_cabin_sections(sections: &[CabinSection]) -> String {
    let section = |section: &CabinSection| {
        let [from, to] = section.rows;
        format!("{} {from}-{to} {}", section.cabin, section.columns.as_str())
    };
    sections.iter().map(section).collect::<Vec<_>>().join(" / ")
}

/// Fares with a slash between: `economy light 100.00 EUR / business flex 320.00 EUR`.
///
/// # Errors
/// A sentence for people.
pub fn fares(field: &str) -> Result<Value, String> {
    let fare = |text: &str| {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [cabin, brand, amount, currency] = *parts.as_slice() else { return None };
        let price = json!({"amount": amount, "currency": currency});
        Some(json!({"cabin": cabin, "brand": brand, "base_price": price}))
    };
    let fares: Option<Value> = field.split('/').map(fare).collect();
    fares.ok_or_else(|| {
        "must be cabins with brands and base prices such as economy light 100.00 EUR / business flex 320.00 EUR"
            .to_owned()
    })
}

/// Writes what [`fares`] reads.
#[must_use]
pub fn write_fares(fares: &[FlightFare]) -> String {
    let fare = |fare: &FlightFare| format!("{} {} {}", fare.cabin, fare.brand, fare.base_price);
    fares.iter().map(fare).collect::<Vec<_>>().join(" / ")
}

/// Writes what [`words`] and [`numbers`] read.
#[must_use]
pub fn write_words(words: &[impl Display]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_forms_of_their_columns() {
        assert_eq!(number("-33.9461"), Ok(json!(-33.9461)));
        assert!(number("51,47").is_err() && number("north").is_err() && number("1 2").is_err());
        assert_eq!(money("24.00 EUR"), Ok(json!({"amount": "24.00", "currency": "EUR"})));
        assert!(money("24.00").is_err());
        assert_eq!(words(" 12A  12C "), Ok(json!(["12A", "12C"])));
        assert_eq!(numbers("12 13"), Ok(json!([12, 13])));
        assert!(numbers("12, 13").is_err());
        let cabins = "business 1-3 AC|DF / economy 4-26 ABC|DEF";
        let sections = cabin_sections(cabins).unwrap();
        assert_eq!(sections[1], json!({"cabin": "economy", "rows": [4, 26], "columns": "ABC|DEF"}));
        let read: Vec<CabinSection> = serde_json::from_value(sections).unwrap();
        assert_eq!(write_cabin_sections(&read), cabins);
        let fares_of_two = "economy light 100.00 EUR / business flex 320.50 EUR";
        let read: Vec<FlightFare> = serde_json::from_value(fares(fares_of_two).unwrap()).unwrap();
        assert_eq!(write_fares(&read), fares_of_two);
        for bad in ["economy", "economy light 100.00", "economy light 100.00 EUR /", "/", "a b c d e"] {
            assert!(fares(bad).is_err(), "{bad}");
        }
        for bad in
            ["economy", "economy 1 ABC", "economy 1-2 ABC more", "economy 1-2 ABC /", "economy a-2 ABC"]
        {
            assert!(cabin_sections(bad).is_err(), "{bad}");
        }
    }
}
