//! How attempts at letters ended.

use super::schema::letter_attempts;
use crate::domain::Attempt;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use uuid::Uuid;

/// An attempt at a letter.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letter_attempts)]
#[expect(missing_docs, reason = "the columns; the migration tells what they hold")]
pub struct AttemptRow {
    pub letter_id: Uuid,
    pub number: i32,
    pub at: DateTime<Utc>,
    pub outcome: String,
    pub smtp_code: Option<i16>,
    pub message: String,
}

/// Records an attempt, once.
///
/// # Errors
/// Those of the database.
pub async fn insert(
    connection: &mut AsyncPgConnection,
    letter: Uuid,
    number: i32,
    attempt: &Attempt,
) -> QueryResult<()> {
    diesel::insert_into(letter_attempts::table)
        .values((
            letter_attempts::letter_id.eq(letter),
            letter_attempts::number.eq(number),
            letter_attempts::outcome.eq(attempt.outcome.as_str()),
            letter_attempts::smtp_code.eq(attempt.smtp_code),
            letter_attempts::message.eq(&attempt.message),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

/// The attempts at these letters, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn of(
    connection: &mut AsyncPgConnection,
    letters: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<AttemptRow>>> {
    let rows: Vec<AttemptRow> = letter_attempts::table
        .filter(letter_attempts::letter_id.eq_any(letters))
        .order((letter_attempts::letter_id, letter_attempts::number))
        .select(AttemptRow::as_select())
        .load(connection)
        .await?;
    let mut by_letter = HashMap::<Uuid, Vec<AttemptRow>>::new();
    for row in rows {
        by_letter.entry(row.letter_id).or_default().push(row);
    }
    Ok(by_letter)
}
