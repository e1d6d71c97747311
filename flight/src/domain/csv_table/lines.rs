//! The lines of a file: their header names the columns, in any order.
//!
//! A byte-order mark, semicolons in place of commas, both kinds of line ends and quoted fields are understood. Lines
//! without any text are passed over, as spreadsheets write them.

use super::{LineError, columns::Column};
use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};
use shared::http::spreadsheet::unguarded;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line of a file.
#[derive(Debug, PartialEq)]
pub struct CsvLine {
    /// Where it begins, counted from 1.
    pub number: u64,
    /// The object that it says, or all that is wrong with it.
    pub object: Result<Value, Vec<LineError>>,
}

/// Reads the lines of a file one after the other.
pub struct CsvLines<'a> {
    reader: Reader<&'a [u8]>,
    /// What stands at each place of a line.
    columns: Vec<Column>,
    record: ByteRecord,
    text: &'a [u8],
    /// So many bytes of the text hold so many ends of lines.
    counted: (usize, u64),
}

impl<'a> CsvLines<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// All that is wrong with the header.
    pub fn open(file: &'a [u8], table: &[Column]) -> Result<Self, Vec<LineError>> {
        let text = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
        let header = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // No column has either in its name.
        let delimiter = if header.contains(&b';') { b';' } else { b',' };
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text);
        let mut record = ByteRecord::new();
        // A file in memory can be read.
        let _ = reader.read_byte_record(&mut record);
        let columns = read_header(&record, table)?;
        Ok(Self { reader, columns, record, text, counted: (0, 0) })
    }

    fn read(&mut self) -> Option<CsvLine> {
        loop {
            if !self.reader.read_byte_record(&mut self.record).unwrap_or(false) {
                return None;
            }
            if self.record.iter().any(|field| !field.trim_ascii().is_empty()) {
                break;
            }
        }
        let number = self.number();
        Some(CsvLine { number, object: self.object(number) })
    }

    /// The line of the record. The reader's own count is behind by one where lines end with CRLF.
    fn number(&mut self) -> u64 {
        let (from, before) = self.counted;
        let at = self.record.position().and_then(|position| usize::try_from(position.byte()).ok());
        let at = at.unwrap_or(from).clamp(from, self.text.len());
        let blank = self.text[at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let ends = self.text[from..at + blank].iter().filter(|byte| **byte == b'\n').count();
        self.counted = (at + blank, before + u64::try_from(ends).unwrap_or_default());
        self.counted.1 + 1
    }

    fn object(&self, number: u64) -> Result<Value, Vec<LineError>> {
        if self.record.len() != self.columns.len() {
            let (has, wanted) = (self.record.len(), self.columns.len());
            let message = format!("has {has} fields where the header has {wanted}");
            return Err(vec![LineError::of_line(number, message)]);
        }
        let (mut object, mut errors) = (Map::new(), Vec::new());
        for (column, field) in self.columns.iter().zip(&self.record) {
            let field = str::from_utf8(field).map(str::trim).map_err(|_| "must be UTF-8".to_owned());
            let value = field.map(unguarded).and_then(|field| match field {
                "" => Ok(Value::Null),
                field => (column.parse)(field),
            });
            match value {
                Ok(value) => {
                    object.insert(column.name.to_owned(), value);
                }
                Err(message) => errors.push(LineError::of_field(number, column.name, message)),
            }
        }
        if errors.is_empty() { Ok(Value::Object(object)) } else { Err(errors) }
    }
}

impl Iterator for CsvLines<'_> {
    type Item = CsvLine;

    fn next(&mut self) -> Option<CsvLine> {
        self.read()
    }
}

/// Characters of a header's field that are told.
const LONGEST_NAME: usize = 50;

fn read_header(record: &ByteRecord, table: &[Column]) -> Result<Vec<Column>, Vec<LineError>> {
    let (mut columns, mut errors) = (Vec::<Column>::new(), Vec::new());
    for field in record {
        let name = String::from_utf8_lossy(field);
        let name = unguarded(name.trim());
        let told: String = name.chars().take(LONGEST_NAME).collect();
        match table.iter().find(|column| column.name == name) {
            Some(column) if columns.iter().any(|known| known.name == column.name) => {
                errors.push(LineError::of_field(1, told, "is named twice"));
            }
            Some(column) => columns.push(*column),
            None => errors.push(LineError::of_field(1, told, "is not a known column")),
        }
        // A file of something else has no end of unknown columns.
        if errors.len() > table.len() {
            break;
        }
    }
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    let missing = table.iter().filter(|column| !column.optional && !has(column.name));
    errors.extend(
        missing.map(|column| LineError::of_field(1, column.name, "is missing: the first line must name it")),
    );
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::columns::{number, text},
        *,
    };
    use proptest::prelude::*;
    use serde_json::json;
    use shared::http::spreadsheet;

    const TABLE: [Column; 3] =
        [Column::new("code", text), Column::new("height", number), Column::optional("note", text)];

    fn lines(file: &[u8]) -> Vec<CsvLine> {
        CsvLines::open(file, &TABLE).unwrap_or_else(|errors| panic!("{errors:?}")).collect()
    }

    #[test]
    fn files_of_all_kinds_are_understood() {
        let expected =
            [(2, json!({"code": "A", "height": 1.5})), (3, json!({"code": "B;,\"", "height": null}))];
        for file in [
            "code,height\nA,1.5\n\"B;,\"\"\",\n",
            "height,code\r\n1.5,A\r\n,\"B;,\"\"\"\r\n",
            "\u{feff}code;height\nA;1.5\n\"B;,\"\"\";",
            "\u{feff}\"code\" , height \r\n A , 1.5 \r\n\"B;,\"\"\",\r\n,\r\n\r\n , \r\n",
        ] {
            let read = lines(file.as_bytes());
            let read: Vec<_> = read.into_iter().map(|line| (line.number, line.object.unwrap())).collect();
            assert_eq!(read, expected, "{file}");
        }
        assert_eq!(lines(b"code,height,note").len(), 0);
        for file in [
            "code,height\n\n,\n\"two\nlines\",1\n\nB,2",
            "code,height\r\n\r\n,\r\n\"two\r\nlines\",1\r\n\r\nB,2",
        ] {
            let numbers: Vec<_> = lines(file.as_bytes()).iter().map(|line| line.number).collect();
            assert_eq!(numbers, [4, 7], "{file:?}");
        }
    }

    #[test]
    fn a_header_must_name_the_columns_once() {
        let errors = |file: &[u8]| {
            let errors = CsvLines::open(file, &TABLE).err().expect("a bad header");
            errors.into_iter().map(|error| (error.field.unwrap(), error.message)).collect::<Vec<_>>()
        };
        let missing = "is missing: the first line must name it";
        let is = |field: &str, message: &str| (field.to_owned(), message.to_owned());
        assert_eq!(errors(b""), [is("code", missing), is("height", missing)]);
        assert_eq!(
            errors(b"code;code;size"),
            [is("code", "is named twice"), is("size", "is not a known column"), is("height", missing),]
        );
        assert_eq!(errors(&b"x,".repeat(10_000)).len(), 6, "no more than is needed");
        assert_eq!(errors(b"c\0o\0d\0e\0")[0].1, "is not a known column");
    }

    #[test]
    fn a_bad_line_is_told_by_its_number() {
        let read = lines(b"code,height\nA\n\"two\nlines\",x\nB,\xff\nC,1,2\n");
        let told: Vec<_> = read
            .into_iter()
            .flat_map(|line| line.object.unwrap_err())
            .map(|error| (error.line.unwrap(), error.field, error.message))
            .collect();
        let height = Some("height".to_owned());
        assert_eq!(
            told,
            [
                (2, None, "has 1 fields where the header has 2".to_owned()),
                (3, height.clone(), "must be a number with a decimal point, such as 51.47".to_owned()),
                (5, height, "must be UTF-8".to_owned()),
                (6, None, "has 3 fields where the header has 2".to_owned()),
            ]
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(rows in prop::collection::vec("[a-z=+@'\";,\\-]{1,6}( [a-z'\\-]{1,3})?", 0..8)) {
            let header = ["note", "code", "height"];
            let records = rows.iter().map(|row| [row.as_str(), "A", "-1.25"]);
            let file = spreadsheet::document(std::iter::once(header).chain(records)).unwrap();
            let read: Vec<_> = lines(&file).into_iter().map(|line| line.object.unwrap()).collect();
            let expected: Vec<_> =
                rows.iter().map(|row| json!({"note": row, "code": "A", "height": -1.25})).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn no_file_makes_it_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(lines) = CsvLines::open(&file, &TABLE) {
                lines.for_each(drop);
            }
        }
    }
}
