//! The tokens of letters that wait or are being sent.
//!
//! **Invariant.** A token is here only while its letter is in the queue, no newer letter has taken its place, and it has
//! not expired. A letter that should carry a token and has none is superseded instead of sent.

use super::letter_queue::ClaimedLetter;
use crate::kinds;
use diesel::{
    prelude::*,
    sql_types::{Array, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{events::LetterToken, statement};
use std::collections::HashMap;
use uuid::Uuid;

statement! {
    /// The tokens of letters that can still be used.
    LiveTokens { letters: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, Text),
    "SELECT letter_id, token FROM letter_tokens WHERE letter_id = ANY ($) AND expires_at > now()"
}

statement! {
    /// Takes claimed letters out of the queue for good, unsent.
    SupersedeClaimed {
        numbers: Array<Integer> = Vec<i32>,
        letters: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "WITH pointless AS (
        DELETE FROM letter_queue AS q
        USING (SELECT id, $[i] AS number FROM unnest($) WITH ORDINALITY AS n (id, i)) AS n
        WHERE q.letter_id = n.id AND q.attempts = n.number AND sending
        RETURNING letter_id
    ), erased AS (
        DELETE FROM letter_tokens WHERE letter_id = ANY (ARRAY(SELECT letter_id FROM pointless))
    )
    UPDATE letters SET given_up = 'superseded' WHERE id = ANY (ARRAY(SELECT letter_id FROM pointless))"
}

statement! {
    /// Erases tokens that have expired or whose letters have left the queue, and supersedes the letters that wait.
    Sweep {} -> (),
    "WITH erased AS (
        DELETE FROM letter_tokens AS t
        WHERE expires_at <= now() OR NOT EXISTS (SELECT FROM letter_queue WHERE letter_queue.letter_id = t.letter_id)
        RETURNING letter_id
    ), pointless AS (
        DELETE FROM letter_queue WHERE NOT sending AND letter_id = ANY (ARRAY(SELECT letter_id FROM erased))
        RETURNING letter_id
    )
    UPDATE letters SET given_up = 'superseded' WHERE id = ANY (ARRAY(SELECT letter_id FROM pointless))"
}

/// Gives claimed letters the tokens that they carry. Letters whose token has gone are superseded, and left out of what
/// is given back. Costs nothing where no letter carries one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn attach(
    mut connection: &AsyncPgConnection,
    mut letters: Vec<ClaimedLetter>,
) -> QueryResult<Vec<ClaimedLetter>> {
    let carries = |letter: &ClaimedLetter| kinds::carries_token(&letter.template);
    let ids: Vec<Uuid> = letters.iter().filter(|letter| carries(letter)).map(|letter| letter.id).collect();
    if ids.is_empty() {
        return Ok(letters);
    }
    let rows: Vec<(Uuid, String)> = LiveTokens { letters: ids }.load(&mut connection).await?;
    let mut tokens: HashMap<Uuid, String> = rows.into_iter().collect();
    for letter in letters.iter_mut().filter(|letter| carries(letter)) {
        letter.token = tokens.remove(&letter.id).map(LetterToken);
    }
    let (pointless, sendable): (Vec<_>, Vec<_>) =
        letters.into_iter().partition(|letter| carries(letter) && letter.token.is_none());
    if !pointless.is_empty() {
        let statement = SupersedeClaimed {
            numbers: pointless.iter().map(|letter| letter.attempts).collect(),
            letters: pointless.iter().map(|letter| letter.id).collect(),
        };
        statement.execute(&mut connection).await?;
    }
    Ok(sendable)
}

/// Erases what must not be kept any longer.
///
/// # Errors
/// Those of the database.
pub(crate) async fn sweep(mut connection: &AsyncPgConnection) -> QueryResult<()> {
    Sweep {}.execute(&mut connection).await.map(drop)
}
