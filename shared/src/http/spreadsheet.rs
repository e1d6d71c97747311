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

/// What a spreadsheet would take for a formula gets an apostrophe in front, which makes it a text there.
fn guarded(field: &str) -> Cow<'_, str> {
    match field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        true => format!("'{field}").into(),
        false => field.into(),
    }
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
        assert_eq!(line(&["=HYPERLINK(\"x\",\"y\")"]), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"\r\n");
    }

    proptest! {
        #[test]
        fn records_are_read_back_and_none_is_a_formula(
            fields in proptest::collection::vec("[a-z=+@,\"\\r\\n '-]{0,8}", 1..6),
        ) {
            let written = document([fields.iter().map(String::as_str)]).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_slice());
            let read = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(read.len(), fields.len());
            for (read, written) in read.iter().zip(&fields) {
                prop_assert_eq!(read.strip_prefix('\'').filter(|rest| rest == written).unwrap_or(read), written);
                prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']));
            }
        }
    }
}
