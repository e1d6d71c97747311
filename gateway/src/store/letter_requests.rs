//! How often letters with tokens were asked for. The database keeps it, so that the limit holds on all instances.

use crate::domain::one_time_token::TokenPurpose;
use diesel::{
    QueryResult,
    sql_types::{BigInt, Binary, Bool, Integer, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;

/// Letters of a purpose that an address gets within an hour.
const LETTERS: i32 = 3;

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

/// Counts a request for a letter; returns whether the address may get one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(
    connection: &mut AsyncPgConnection,
    account: &[u8],
    purpose: TokenPurpose,
) -> QueryResult<bool> {
    let count = CountRequest { account: account.to_vec(), purpose: purpose.as_str(), letters: LETTERS };
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
