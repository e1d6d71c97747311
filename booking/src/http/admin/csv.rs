//! Comma-separated values (RFC 4180), safe to be opened in a spreadsheet.

/// One line with its CRLF.
pub(super) fn line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<String> = fields.into_iter().map(field).collect();
    fields.join(",") + "\r\n"
}

/// A field, in quotes where it needs them. What a spreadsheet would take for a formula gets an
/// apostrophe in front, which makes it a text there.
fn field(value: &str) -> String {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let value = if is_formula { format!("'{value}") } else { value.to_owned() };
    match value.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_quoted_and_formulas_are_texts() {
        assert_eq!(line(["12A", "O'Brien", "Jean-Luc", ""]), "12A,O'Brien,Jean-Luc,\r\n");
        assert_eq!(
            line(["a,b", "say \"hi\"", "two\r\nlines"]),
            "\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n"
        );
        assert_eq!(line(["=1+1", "-Ada", "@x", "+1", "＝1"]), "'=1+1,'-Ada,'@x,'+1,'＝1\r\n");
        assert_eq!(line(["=HYPERLINK(\"x\",\"y\")"]), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"\r\n");
    }

    /// Reads a line back as RFC 4180 says.
    fn read(line: &str) -> Vec<String> {
        let (mut fields, mut quoted, mut characters) = (vec![String::new()], false, line.chars().peekable());
        while let Some(character) = characters.next() {
            let field = fields.last_mut().unwrap();
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    field.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                '\r' if !quoted => {}
                '\n' if !quoted => return fields,
                other => field.push(other),
            }
        }
        fields
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(fields in proptest::collection::vec("[a-z=+@,\"\\r\\n '-]{0,8}", 1..6)) {
            let read = read(&line(fields.iter().map(String::as_str)));
            prop_assert_eq!(read.len(), fields.len());
            for (read, written) in read.iter().zip(&fields) {
                prop_assert_eq!(read.strip_prefix('\'').filter(|rest| rest == written).unwrap_or(read), written);
                prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']));
            }
        }
    }
}
