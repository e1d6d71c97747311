//! How many letters an address got that somebody can cause without reading them. The database keeps it, so that the limit holds on all instances.

use crate::domain::one_time_token::TokenPurpose;
use diesel::{
    QueryResult,
    sql_types::{BigInt, Binary, Bool, Integer, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;

/// Letters that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountedLetters {
    /// Those with a token that somebody asked for.
    Token(TokenPurpose),
    /// Alerts of an account.
    Alerts,
}

impl CountedLetters {
    /// Their name in the database.
    fn as_str(self) -> &'static str {
        match self {
            Self::Token(purpose) => purpose.as_str(),
            Self::Alerts => "session_alert",
        }
    }

    /// How many of them an address gets within an hour.
    fn an_hour(self) -> i32 {
        match self {
            Self::Token(_) => 3,
            Self::Alerts => 10,
        }
    }
}

statement! {
    /// Counts a request; an hour after the first one it begins anew.
    CountRequest {
        account: Binary = Vec<u8>,
        purpose: Text = &'static str,
        letters: Integer = i32,
    } -> (Bool,),
    "INSERT INTO letter_requests AS r (account, purpose, requests, since) VALUES ($, $, 1, clock_timestamp())
     ON CONFLICT (account, purpose) DO UPDATE SET
         requests = CASE WHEN r.since <= clock_timestamp() - interval '1 hour' THEN 1 ELSE least(r.requests + 1, 1000) END,
         since = CASE WHEN r.since <= clock_timestamp() - interval '1 hour' THEN clock_timestamp() ELSE r.since END
     RETURNING requests <= $"
}

statement! {
    /// Deletes some of the rows that count no more.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM letter_requests WHERE (account, purpose) IN (
        SELECT account, purpose FROM letter_requests WHERE since < now() - interval '1 hour' LIMIT $
    )"
}

/// Counts a letter that is to be sent; returns whether the address may get one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(
    connection: &mut AsyncPgConnection,
    account: &[u8],
    letters: CountedLetters,
) -> QueryResult<bool> {
    let count =
        CountRequest { account: account.to_vec(), purpose: letters.as_str(), letters: letters.an_hour() };
    let (within,): (bool,) = count.get_result(connection).await?;
    Ok(within)
}

/// Deletes up to `limit` rows whose hour is over; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
