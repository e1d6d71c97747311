//! The service's tables: one file each, functions that take a connection.
//!
//! Writes of flights append their events to the outbox in the same transaction; whoever calls them
//! opens the transaction and nudges the relay after the commit.

pub mod aircraft_types;
pub mod airlines;
pub mod airplanes;
pub mod airports;
pub mod availability;
pub mod cities;
pub mod fares;
pub mod flights;
pub mod places;
mod schema;
pub mod seat_layouts;
pub mod stored_forms;

use crate::domain::{folding::fold, reference::Versioned};
use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};
use diesel_async::AsyncPgConnection;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use std::{fmt::Display, str::FromStr};

/// The migrations of the service's own tables.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/flight");

/// A table of reference data. All of them are kept alike.
pub trait ReferenceTable: Sized + Send + Sync {
    /// The key, as it stands in paths.
    type Key: FromStr<Err: Display> + Display + Send + Sync;

    /// The data's key.
    fn key(&self) -> Self::Key;

    /// Rows by key, from behind `after`, whose key starts with `search` or whose name contains it.
    ///
    /// # Errors
    /// Those of the database.
    fn list(
        connection: &mut AsyncPgConnection,
        search: Option<&str>,
        after: Option<&Self::Key>,
        limit: i64,
    ) -> impl Future<Output = QueryResult<Vec<Versioned<Self>>>> + Send;

    /// One row.
    ///
    /// # Errors
    /// Those of the database.
    fn find(
        connection: &mut AsyncPgConnection,
        key: &Self::Key,
    ) -> impl Future<Output = QueryResult<Option<Versioned<Self>>>> + Send;

    /// One row, locked until the transaction ends.
    ///
    /// # Errors
    /// Those of the database.
    fn lock(
        connection: &mut AsyncPgConnection,
        key: &Self::Key,
    ) -> impl Future<Output = QueryResult<Option<Versioned<Self>>>> + Send;

    /// Inserts what is missing by key, in one statement; gives how many were.
    ///
    /// # Errors
    /// Those of the database, a reference that leads nowhere among them.
    fn insert(
        connection: &mut AsyncPgConnection,
        rows: &[Self],
    ) -> impl Future<Output = QueryResult<usize>> + Send;

    /// Writes a row that is there; gives its new version.
    ///
    /// # Errors
    /// Those of the database; [`Error::NotFound`] where it is gone.
    fn update(
        connection: &mut AsyncPgConnection,
        row: &Self,
    ) -> impl Future<Output = QueryResult<i64>> + Send;

    /// Deletes a row; gives whether it was there.
    ///
    /// # Errors
    /// Those of the database: a foreign key violation where something refers to it.
    fn delete(
        connection: &mut AsyncPgConnection,
        key: &Self::Key,
    ) -> impl Future<Output = QueryResult<bool>> + Send;
}

/// The table that refers to a row, where that is why the database refused to delete it.
#[must_use]
pub fn referring_table(error: &Error) -> Option<&str> {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, info) => info.table_name(),
        _ => None,
    }
}

/// Reads a stored text as what it was before it was stored.
fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> QueryResult<T> {
    text.parse().map_err(|error: T::Err| Error::DeserializationError(Box::new(error)))
}

/// One column of many rows, for `unnest`.
fn column<'a, T, V>(rows: &'a [T], value: impl FnMut(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// What a search text looks for: keys that start with it, names that contain it. Keys are capital letters and
/// digits, and names are compared in their folded form.
struct SearchPatterns {
    /// The key itself.
    whole_key: String,
    /// Of `LIKE`, for keys.
    key: String,
    /// Of `LIKE`, for folded names that contain the text.
    name: String,
    /// Of `LIKE`, for folded names that start with the text.
    name_start: String,
}

impl SearchPatterns {
    fn new(text: &str) -> Self {
        let folded = fold(text);
        let escaped = folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        Self {
            whole_key: folded.to_uppercase(),
            key: format!("{}%", escaped.to_uppercase()),
            name: format!("%{escaped}%"),
            name_start: format!("{escaped}%"),
        }
    }
}
