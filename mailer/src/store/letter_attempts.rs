//! How attempts at letters ended.

use super::schema::letter_attempts;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use uuid::Uuid;

/// An attempt at a letter.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letter_attempts)]
pub(crate) struct LetterAttemptRow {
    pub(crate) letter_id: Uuid,
    pub(crate) number: i32,
    pub(crate) at: DateTime<Utc>,
    pub(crate) outcome: String,
    pub(crate) smtp_code: Option<i16>,
    pub(crate) message: String,
}

/// The attempts at these letters, oldest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of(
    connection: &mut AsyncPgConnection,
    letters: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<LetterAttemptRow>>> {
    let rows: Vec<LetterAttemptRow> = letter_attempts::table
        .filter(letter_attempts::letter_id.eq_any(letters))
        .order((letter_attempts::letter_id, letter_attempts::number))
        .select(LetterAttemptRow::as_select())
        .load(connection)
        .await?;
    let mut by_letter = HashMap::<Uuid, Vec<LetterAttemptRow>>::new();
    for row in rows {
        by_letter.entry(row.letter_id).or_default().push(row);
    }
    Ok(by_letter)
}
