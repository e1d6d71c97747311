//! Tables as comma-separated values: what a line of a file says, and how a row is written.
//!
//! | file | what it holds |
//! |---|---|
//! | `columns` | columns, and the forms of their fields |
//! | `lines` | the lines of a file, as JSON objects that bodies are read like |

mod columns;
mod lines;

pub use columns::{
    Column, cabin_sections, fares, money, number, numbers, text, words, write_cabin_sections, write_fares,
    write_words,
};
pub use lines::{CsvLine, CsvLines};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong with a line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineError {
    /// The line, counted from 1, where a row begins; null where the whole file is meant.
    pub line: Option<u64>,
    /// The column, and what of it; null where the whole line is meant.
    #[schema(example = "time_zone")]
    pub field: Option<String>,
    /// What is wrong, for people.
    pub message: String,
}

impl LineError {
    /// Something that is wrong with a field.
    #[must_use]
    pub fn of_field(line: u64, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { line: Some(line), field: Some(field.into()), message: message.into() }
    }

    /// Something that is wrong with a line.
    #[must_use]
    pub fn of_line(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), field: None, message: message.into() }
    }
}
