//! Failed logins. The database keeps them, so that a lock holds on all instances.
//!
//! 10 failures within 15 minutes lock an account for 15 minutes, whether or not the address has one.

use super::schema::login_failures;
use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Binary, Bool, Nullable},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use std::time::Duration;

statement! {
    /// Deletes some of the rows that count no more: a window is over after 15 minutes, and its lock 15 minutes later.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM login_failures WHERE account IN (SELECT account FROM login_failures WHERE since < now() - interval '30 minutes' LIMIT $)"
}

/// Failures that lock an account.
pub(crate) const FAILURES: i32 = 10;

/// The time until a lock opens, whole seconds.
const SECONDS_LEFT: &str = "ceil(extract(epoch FROM locked_until - clock_timestamp()))::bigint";

/// How long an account stays locked from now; `None` when it is not.
///
/// # Errors
/// Those of the database.
pub(crate) async fn locked_for(
    connection: &mut AsyncPgConnection,
    account: &[u8],
) -> QueryResult<Option<Duration>> {
    let left: Option<Option<i64>> = login_failures::table
        .find(account)
        .select(sql::<Nullable<BigInt>>(SECONDS_LEFT))
        .first(connection)
        .await
        .optional()?;
    Ok(left
        .flatten()
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs))
}

#[derive(QueryableByName)]
struct CountedFailure {
    #[diesel(sql_type = Bool)]
    was_locked: bool,
}

/// Counts a failure; returns whether attempts at the same time had already locked the account.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(connection: &mut AsyncPgConnection, account: &[u8]) -> QueryResult<bool> {
    let statement = format!(
        "INSERT INTO login_failures AS f (account, failures, since) VALUES ($1, 1, clock_timestamp()) \
         ON CONFLICT (account) DO UPDATE SET \
           failures = CASE WHEN {OVER} THEN 1 ELSE f.failures + 1 END, \
           since = CASE WHEN {OVER} THEN clock_timestamp() ELSE f.since END, \
           locked_until = CASE WHEN {OVER} THEN NULL \
             WHEN f.failures + 1 = {FAILURES} THEN clock_timestamp() + interval '15 minutes' \
             ELSE f.locked_until END \
         RETURNING failures > {FAILURES} AS was_locked"
    );
    let counted: CountedFailure =
        diesel::sql_query(statement).bind::<Binary, _>(account).get_result(connection).await?;
    Ok(counted.was_locked)
}

/// Whether the window of the row `f` is over: its lock has opened, or it is too old to lock.
const OVER: &str = "coalesce(f.locked_until, f.since + interval '15 minutes') <= clock_timestamp()";

/// Forgets the failures of an account, whose lock has been looked at in the same transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(connection: &mut AsyncPgConnection, account: &[u8]) -> QueryResult<()> {
    diesel::delete(login_failures::table.find(account)).execute(connection).await.map(drop)
}

/// Deletes up to `limit` rows whose window is over; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
