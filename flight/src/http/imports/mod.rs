//! Tables as files: imported and exported as comma-separated values.
//!
//! | file | what it holds |
//! |---|---|
//! | `table` | the trait of a kind of data that has files |
//! | `handlers` | the routes of a kind |
//! | `csv_body` | the body of an import, within its bounds |
//! | `run` | an import: all of a file, or nothing |
//! | `background` | an import that nobody waits for |
//! | `export` | all rows of a table |

mod background;
mod csv_body;
mod export;
pub(super) mod handlers;
mod progress;
#[cfg(test)]
pub(super) mod round_trip;
mod run;
mod table;

pub(crate) use background::{__path_read as __path_read_import, read as read_import};
pub(super) use csv_body::CsvBody;
pub(crate) use csv_body::ImportSlots;
pub(super) use table::{CsvTable, ImportWrites};
