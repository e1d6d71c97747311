//! Comma-separated values (RFC 4180), safe to be opened in a spreadsheet.

use csv::{Terminator, WriterBuilder};
use std::{borrow::Cow, io};

/// A document of these records, each a line with CRLF.
///
/// # Errors
/// None that a document in memory can have.
pub fn document<'a, R>(records: impl IntoIterator<Item = R>) -> io::Result<Vec<u8>>
where
    R: IntoIterator<Item = &'a str>,
{
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for record in records {
        writer.write_record(record.into_iter().map(|field| guarded(field).into_owned().into_bytes()))?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// What a spreadsheet would take for a formula gets an apostrophe in front, which makes it a text there. So does a text that
/// looks as if it had got one, so that [`unguarded`] gives every field back. A negative number is no formula.
fn guarded(field: &str) -> Cow<'_, str> {
    match begins_formula(field.trim_start_matches('\'')) && !is_negative_number(field) {
        true => format!("'{field}").into(),
        false => field.into(),
    }
}

/// A field as it was before its document guarded it.
#[must_use]
pub fn unguarded(field: &str) -> &str {
    match field.strip_prefix('\'') {
        Some(rest) if begins_formula(rest.trim_start_matches('\'')) => rest,
        _ => field,
    }
}

fn begins_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn is_negative_number(field: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    field.strip_prefix('-').is_some_and(|number| match number.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(fields: &[&str]) -> String {
        String::from_utf8(document([fields.iter().copied()]).unwrap()).unwrap()
    }

    #[test]
    fn fields_are_quoted_and_formulas_are_texts() {
        assert_eq!(line(&["12A", "O'Brien", "Jean-Luc", ""]), "12A,O'Brien,Jean-Luc,\r\n");
        assert_eq!(
            line(&["a,b", "say \"hi\"", "two\r\nlines"]),
            "\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n"
        );
        assert_eq!(line(&["=1+1", "-Ada", "@x", "+1", "＝1"]), "'=1+1,'-Ada,'@x,'+1,'＝1\r\n");
        assert_eq!(line(&["-33.9", "-5", "-", "-5.", "--5", "-5+1"]), "-33.9,-5,'-,'-5.,'--5,'-5+1\r\n");
        assert_eq!(line(&["'s-Gravenhage", "'=1", "''-x"]), "'s-Gravenhage,''=1,'''-x\r\n");
        assert_eq!(line(&["=HYPERLINK(\"x\",\"y\")"]), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"\r\n");
    }

    proptest! {
        #[test]
        fn records_are_read_back_and_none_is_a_formula(
            fields in proptest::collection::vec("[a-z1.=+@,\"\\r\\n '-]{0,8}", 1..6),
        ) {
            let written = document([fields.iter().map(String::as_str)]).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_slice());
            let read = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(read.len(), fields.len());
            for (read, written) in read.iter().zip(&fields) {
                prop_assert_eq!(unguarded(read), written);
                prop_assert!(!begins_formula(read) || is_negative_number(read));
            }
        }
    }
}
