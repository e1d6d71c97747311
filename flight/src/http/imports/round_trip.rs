//! For tests: rows that are written to a file and read back.

use super::{export::document, table::CsvTable};
use crate::domain::csv_table::CsvLines;
use proptest::prelude::*;
use shared::{http::JsonReader, money::Currency};

/// The rows of the file that these rows make.
pub(in crate::http) fn through_a_file<T: CsvTable>(rows: &[T]) -> Vec<T> {
    let file = document(rows, Currency::EUR).expect("a file");
    let lines = CsvLines::open(&file, T::COLUMNS).unwrap_or_else(|errors| panic!("{errors:?}"));
    lines
        .map(|line| {
            let object = line.object.unwrap_or_else(|errors| panic!("{errors:?}"));
            JsonReader::read_whole(&object, |object| T::read_line(object, Currency::EUR))
                .unwrap_or_else(|errors| panic!("{errors:?}"))
        })
        .collect()
}

/// Names with everything that a file has to write with care.
pub(in crate::http) fn name() -> impl Strategy<Value = String> {
    "[A-Za-zÀ-ÿ=+@'\";,-]([A-Za-zÀ-ÿ0-9 =+@'\";,-]{0,20}[A-Za-zÀ-ÿ0-9=+@'\";,-])?"
}

/// Codes that match an expression.
pub(in crate::http) fn code<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>(
    expression: &'static str,
) -> impl Strategy<Value = T> {
    expression.prop_map(|text: String| text.parse().expect("a good code"))
}

/// Time zones.
pub(in crate::http) fn zone() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["UTC", "Europe/London", "Asia/Kathmandu", "Pacific/Apia"])
        .prop_map(str::to_owned)
}
