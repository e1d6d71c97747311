//! How attempts at letters ended.

use super::schema::letter_attempts;
use crate::domain::DeliveryAttempt;
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

/// Records an attempt, once.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    letter: Uuid,
    number: i32,
    attempt: &DeliveryAttempt,
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
