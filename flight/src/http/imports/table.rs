//! The trait of a kind of data that is imported and exported.

use crate::{
    domain::{
        csv_table::{Column, LineError},
        import::ImportTally,
    },
    http::ImportFollower,
    store::flights::Naming,
};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    auth::{AuditAuthor, Caller},
    http::{JsonReader, Problem},
    money::Currency,
};

/// A kind of data that is imported and exported as a file. Its rows have keys; a row of a file makes the row of its key
/// what it says, or makes it.
pub(in crate::http) trait CsvTable: Sized + Send + Sync + 'static {
    /// The name of the collection in paths.
    const COLLECTION: &'static str;
    /// The name of one row in the audit log.
    const KIND: &'static str;
    /// The actor that has to hear of an import, beside the relay.
    const FOLLOWER: ImportFollower;
    /// The columns, in the order of exports.
    const COLUMNS: &'static [Column];

    /// Reads a line: its fields are members, as the columns parse them; an empty field is null. Every error must be
    /// noted in the object; `None` is allowed only then.
    fn read_line(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self>;

    /// The fields of a row, in the order of the columns; nothing where it is null.
    fn fields(&self, currency: Currency) -> Vec<String>;

    /// The key, to find the same one twice in a file.
    fn line_key(&self) -> String;

    /// Up to `limit` rows behind this one, by key.
    ///
    /// # Errors
    /// Those of the database.
    fn page(
        connection: &mut AsyncPgConnection,
        after: Option<&Self>,
        limit: i64,
    ) -> impl Future<Output = QueryResult<Vec<Self>>> + Send;

    /// Writes rows with their lines, no key twice, in the transaction of the import; counts them, notes what is wrong, and
    /// records each in the audit log.
    ///
    /// # Errors
    /// What ends the import, whatever its lines say.
    fn write(
        connection: &mut AsyncPgConnection,
        rows: Vec<(u64, Self)>,
        writes: &mut ImportWrites<'_>,
    ) -> impl Future<Output = Result<(), Problem>> + Send;
}

/// The state of an import while it writes.
pub(in crate::http) struct ImportWrites<'a> {
    /// Whose import it is.
    pub(in crate::http) author: &'a AuditAuthor,
    /// The same caller, with the permissions that single rows may need beside that of the import.
    pub(in crate::http) caller: &'a Caller,
    /// The currency of all money.
    pub(in crate::http) currency: Currency,
    /// Rows and errors so far.
    pub(in crate::http) tally: ImportTally,
    /// Whether nothing is kept in the end: what follows from the rows need not be written.
    pub(in crate::http) dry_run: bool,
    /// What flights carry of the rows that were changed; all of one kind.
    pub(in crate::http) renamed: Vec<Naming>,
}

impl ImportWrites<'_> {
    /// Whether the written rows may be kept.
    pub(in crate::http) fn keeps(&self) -> bool {
        !self.dry_run && self.tally.errors.is_empty()
    }

    /// Notes what is wrong with a row, by a JSON pointer into it.
    pub(in crate::http) fn note(&mut self, line: u64, pointer: &str, message: &str) {
        let field = pointer.trim_start_matches('/');
        self.tally.note([match field {
            "" => LineError::of_line(line, message),
            field => LineError::of_field(line, field, message),
        }]);
    }
}
