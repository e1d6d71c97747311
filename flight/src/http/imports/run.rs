//! An import: all of a file is written in one transaction, or nothing of it.

use super::{
    progress::ImportProgress,
    table::{CsvTable, ImportWrites},
};
use crate::{
    domain::{
        csv_table::{CsvLines, LineError},
        import::{ImportStatus, ImportTally},
    },
    store::{
        flights::{self, SOURCE},
        imports,
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::{AuditAuthor, Caller},
    db::Pool,
    http::{JsonReader, Problem},
    ids::ImportId,
    money::Currency,
    outbox,
};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

/// Rows that are written at once.
const CHUNK: usize = 500;

/// What is asked of an import.
pub(super) struct ImportOrder<'a> {
    pub(super) file: &'a [u8],
    pub(super) dry_run: bool,
    pub(super) author: &'a AuditAuthor,
    pub(super) caller: &'a Caller,
    pub(super) currency: Currency,
    /// The row that tells of it, where nobody waits for it.
    pub(super) id: Option<ImportId>,
}

/// Why the transaction of an import is not committed.
enum NotKept {
    /// It is a dry run, or lines are bad.
    AsAsked,
    Problem(Problem),
}

impl From<diesel::result::Error> for NotKept {
    fn from(error: diesel::result::Error) -> Self {
        Self::Problem(error.into())
    }
}

impl From<Problem> for NotKept {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Runs an import to its end. Nothing was changed where it is a dry run or the tally has errors.
///
/// # Errors
/// What is not for the lines to tell: the database, and writes of others that came between.
pub(super) async fn run<T: CsvTable>(
    pool: &Pool,
    order: &ImportOrder<'_>,
    progress: &ImportProgress,
) -> Result<ImportTally, Problem> {
    let ImportOrder { author, caller, currency, dry_run, .. } = *order;
    let tally = ImportTally::default();
    let mut writes = ImportWrites { author, caller, currency, tally, dry_run, renamed: Vec::new() };
    let mut lines = match CsvLines::open(order.file, T::COLUMNS) {
        Ok(lines) => lines,
        Err(errors) => {
            writes.tally.note(errors);
            return Ok(writes.tally);
        }
    };
    let mut connection = pool.get().await?;
    let written = (*connection)
        .transaction::<_, NotKept, _>(async |connection: &mut AsyncPgConnection| {
            write_lines::<T>(connection, &mut lines, &mut writes, progress).await?;
            writes.tally.sort();
            if !writes.keeps() {
                return Err(NotKept::AsAsked);
            }
            keep::<T>(connection, &writes, order.id).await
        })
        .await;
    match written {
        Ok(()) | Err(NotKept::AsAsked) => Ok(writes.tally),
        Err(NotKept::Problem(problem)) => Err(problem),
    }
}

async fn write_lines<T: CsvTable>(
    connection: &mut AsyncPgConnection,
    lines: &mut CsvLines<'_>,
    writes: &mut ImportWrites<'_>,
    progress: &ImportProgress,
) -> Result<(), NotKept> {
    writes.tally.counts.lines_read = 1;
    let mut known = KnownKeys::default();
    loop {
        let (mut rows, mut ended) = (Vec::with_capacity(CHUNK), false);
        while rows.len() < CHUNK && !writes.tally.is_full() {
            let Some(line) = lines.next() else {
                ended = true;
                break;
            };
            writes.tally.counts.lines_read = line.number;
            let currency = writes.currency;
            let row = line.object.and_then(|object| {
                JsonReader::read_whole(&object, |object| T::read_line(object, currency)).map_err(|errors| {
                    let field = |pointer: Option<String>| {
                        pointer.unwrap_or_default().trim_start_matches('/').to_owned()
                    };
                    let one = |error: shared::http::FieldError| {
                        LineError::of_field(line.number, field(error.pointer), error.message)
                    };
                    errors.into_iter().map(one).collect()
                })
            });
            match row {
                Ok(row) => match known.insert(&row.line_key(), line.number) {
                    None => rows.push((line.number, row)),
                    Some(first) => writes.note(line.number, "", &format!("has the key of line {first}")),
                },
                Err(errors) => writes.tally.note(errors),
            }
        }
        if !rows.is_empty() {
            T::write(connection, rows, writes).await?;
        }
        progress.set(writes.tally.counts);
        if ended || writes.tally.is_full() {
            return Ok(());
        }
    }
}

/// Tells the first of the flights that carry changed rows, records the import, and that it has ended. The flights come last: who
/// changes reference data locks all of its rows first.
async fn keep<T: CsvTable>(
    connection: &mut AsyncPgConnection,
    writes: &ImportWrites<'_>,
    id: Option<ImportId>,
) -> Result<(), NotKept> {
    flights::republish(connection, &writes.renamed).await?;
    let (action, subject) = (format!("{}.import", T::KIND), T::COLLECTION);
    let record = writes.author.change(&action, subject, None, Some(&writes.tally.counts));
    outbox::append(connection, &[record.event(SOURCE)]).await?;
    if let Some(id) = id {
        imports::finish(connection, id, ImportStatus::Completed, &writes.tally).await?;
    }
    Ok(())
}

/// The keys of a file so far, with their lines. Of a key it keeps a hash: a file has up to a million lines.
#[derive(Default)]
struct KnownKeys {
    lines: HashMap<u64, u64>,
    hasher: RandomState,
}

impl KnownKeys {
    /// Takes a key in; gives the line that has it already.
    fn insert(&mut self, key: &str, line: u64) -> Option<u64> {
        match self.lines.entry(self.hasher.hash_one(key)) {
            std::collections::hash_map::Entry::Occupied(known) => Some(*known.get()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(line);
                None
            }
        }
    }
}
