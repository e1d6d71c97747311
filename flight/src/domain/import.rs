//! What an import of a file has done so far, and what it tells.

use super::csv_table::LineError;
use serde::{Deserialize, Serialize};
use shared::ids::ImportId;
use utoipa::ToSchema;

/// Errors of lines that are kept; an import stops where it has as many.
pub const MOST_LINE_ERRORS: usize = 1000;

/// How an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportStatus {
    /// It is under way.
    Running,
    /// It is done; a dry run has changed nothing.
    Completed,
    /// Nothing was changed: lines are bad, or its instance has stopped.
    Failed,
}

/// Rows so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    /// Lines of the file that were read, its header among them.
    pub lines_read: u64,
    /// Rows that are new.
    pub created: u64,
    /// Rows that are there and become others.
    pub changed: u64,
    /// Rows that are there as they are.
    pub unchanged: u64,
}

/// Rows and errors so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// The rows.
    pub counts: ImportCounts,
    /// What is wrong, in the order of the lines.
    pub errors: Vec<LineError>,
}

impl ImportTally {
    /// Whether there are as many errors as are kept.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.errors.len() >= MOST_LINE_ERRORS
    }

    /// Notes errors, unless there are enough.
    pub fn note(&mut self, errors: impl IntoIterator<Item = LineError>) {
        let left = MOST_LINE_ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(errors.into_iter().take(left));
    }

    /// In the order of the lines.
    pub fn sort(&mut self) {
        self.errors.sort_by_key(|error| error.line);
    }
}

/// An import, as answers show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Import)]
pub struct ImportReport {
    /// Its id; null where its answer was waited for.
    pub id: Option<ImportId>,
    /// What was imported.
    #[schema(example = "airports")]
    pub collection: String,
    /// How it stands.
    pub status: ImportStatus,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
    /// Lines of the file that were read, its header among them.
    pub lines_read: u64,
    /// Lines of the file.
    pub lines_total: u64,
    /// Rows that are new.
    pub created: u64,
    /// Rows that are there and become others.
    pub changed: u64,
    /// Rows that are there as they are.
    pub unchanged: u64,
    /// What is wrong, in the order of the lines; the first 1,000.
    pub errors: Vec<LineError>,
}

/// Lines of a file.
#[must_use]
pub fn count_lines(file: &[u8]) -> u64 {
    let ends = file.iter().filter(|byte| **byte == b'\n').count();
    let last = usize::from(file.last().is_some_and(|byte| *byte != b'\n'));
    u64::try_from(ends + last).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_with_the_last_one() {
        for (file, lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\r\nb", 2), ("a\n\n", 2)] {
            assert_eq!(count_lines(file.as_bytes()), lines, "{file:?}");
        }
    }

    #[test]
    fn errors_are_bounded() {
        let mut tally = ImportTally::default();
        for line in (1..=MOST_LINE_ERRORS as u64 + 5).rev() {
            tally.note([LineError::of_line(line, "is bad")]);
        }
        tally.sort();
        assert!(tally.is_full() && tally.errors.len() == MOST_LINE_ERRORS);
        assert!(tally.errors.is_sorted_by_key(|error| error.line));
    }
}
