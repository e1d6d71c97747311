//! What was revoked lately.
//!
//! Instants are of the database's clock, taken while the row of the user or the session is locked: a token that was
//! issued under the lock before is older, and one that is issued under the lock afterwards is newer.

use super::interval::interval;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    pg::data_types::PgInterval,
    prelude::*,
    sql_types::{BigInt, Bool, Interval, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    auth::{MOST_REVOCATIONS, REVOCATION_COUNTS, RecentRevocations, Revocation, RevokedSubject},
    ids::{SessionId, UserId},
    statement,
};
use uuid::Uuid;

statement! {
    /// Revokes as of now; the newest instant of a subject counts.
    Insert { subject: SqlUuid = Uuid, kind: Text = &'static str } -> Timestamptz,
    "INSERT INTO revocations (subject, kind, not_before) VALUES ($, $, clock_timestamp()) ON CONFLICT (subject) DO UPDATE SET not_before = greatest(revocations.not_before, excluded.not_before) RETURNING not_before"
}

statement! {
    /// What verifiers still need.
    Recent { told_for: Interval = PgInterval, limit: BigInt = i64 } -> (SqlUuid, Bool, Timestamptz),
    "SELECT subject, kind = 'user', not_before FROM revocations WHERE not_before > now() - $ ORDER BY not_before DESC LIMIT $"
}

statement! {
    /// Deletes some that nobody needs any more.
    DeleteOutdated { kept_for: Interval = PgInterval, limit: BigInt = i64 } -> (),
    "DELETE FROM revocations WHERE subject IN (SELECT subject FROM revocations WHERE not_before < now() - $ LIMIT $)"
}

/// Beyond what verifiers keep: their clocks may differ.
const TOLD_LONGER: TimeDelta = TimeDelta::minutes(1);
/// Beyond what verifiers keep: a row is not deleted while it may be read.
const KEPT_LONGER: TimeDelta = TimeDelta::minutes(4);

/// Revokes the tokens that a user has now; returns the instant before which they were issued. The user's row is locked
/// by the caller.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_user(
    connection: &mut AsyncPgConnection,
    user: UserId,
) -> QueryResult<DateTime<Utc>> {
    Insert { subject: user.0, kind: "user" }.get_result(connection).await
}

/// Revokes the tokens of a session; returns when. The session's row is locked by the caller.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert_session(
    connection: &mut AsyncPgConnection,
    session: SessionId,
) -> QueryResult<DateTime<Utc>> {
    Insert { subject: session.0, kind: "session" }.get_result(connection).await
}

/// All that verifiers must know.
///
/// # Errors
/// Those of the database.
pub(crate) async fn recent(connection: &mut AsyncPgConnection) -> QueryResult<RecentRevocations> {
    let limit = i64::try_from(MOST_REVOCATIONS + 1).unwrap_or(i64::MAX);
    let rows: Vec<(Uuid, bool, DateTime<Utc>)> =
        Recent { told_for: interval(REVOCATION_COUNTS + TOLD_LONGER), limit }.load(connection).await?;
    let revocations = rows.into_iter().map(|(id, of_user, at)| {
        let subject =
            if of_user { RevokedSubject::User(UserId(id)) } else { RevokedSubject::Session(SessionId(id)) };
        Revocation { subject, at }
    });
    Ok(RecentRevocations::of_newest_first(revocations.collect()))
}

/// Deletes up to `limit` that nobody needs any more; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_outdated(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteOutdated { kept_for: interval(REVOCATION_COUNTS + KEPT_LONGER), limit }.execute(connection).await
}
