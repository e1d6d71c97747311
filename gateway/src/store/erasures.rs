//! Deleted accounts whose traces in other services are erased once more.

use super::schema::erasures;
use chrono::{DateTime, Utc};
use diesel::{
    pg::data_types::PgInterval,
    prelude::*,
    sql_types::{BigInt, Interval, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use std::time::Duration;
use uuid::Uuid;

statement! {
    /// Takes due erasures in hand: other instances see them only after the lease.
    Claim { lease: Interval = PgInterval, limit: BigInt = i64 } -> (SqlUuid, Nullable<Text>, Timestamptz),
    "UPDATE erasures SET next_attempt_at = now() + $ WHERE user_id IN (
        SELECT user_id FROM erasures WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT $ FOR UPDATE SKIP LOCKED)
        RETURNING user_id, email, deleted_at"
}

/// A deleted account.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    /// Its id.
    pub(crate) user: UserId,
    /// Its address in lower case, where it was verified: letters to another address are another's.
    pub(crate) email: Option<String>,
    /// When it was deleted. Later letters to the address may be those of another account.
    pub(crate) deleted_at: DateTime<Utc>,
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// Queues an erasure, due after this time.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    erasure: &Erasure,
    due_after: Duration,
) -> QueryResult<()> {
    diesel::insert_into(erasures::table)
        .values((
            erasures::user_id.eq(erasure.user.0),
            erasures::email.eq(&erasure.email),
            erasures::deleted_at.eq(erasure.deleted_at),
            erasures::next_attempt_at.eq(Utc::now() + due_after),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// Takes up to `limit` due erasures in hand. One that is neither [finished](finish) nor
/// [put off](put_off) is due again after the lease.
///
/// # Errors
/// Those of the database.
pub(crate) async fn claim(
    connection: &mut AsyncPgConnection,
    lease: Duration,
    limit: i64,
) -> QueryResult<Vec<Erasure>> {
    let rows: Vec<(Uuid, Option<String>, DateTime<Utc>)> =
        Claim { lease: interval(lease), limit }.load(connection).await?;
    let erasure = |(user, email, deleted_at)| Erasure { user: UserId(user), email, deleted_at };
    Ok(rows.into_iter().map(erasure).collect())
}

/// Forgets an erasure that is done.
///
/// # Errors
/// Those of the database.
pub(crate) async fn finish(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<()> {
    diesel::delete(erasures::table.find(user.0)).execute(connection).await.map(drop)
}

/// Lets an erasure be due again after this time.
///
/// # Errors
/// Those of the database.
pub(crate) async fn put_off(
    connection: &mut AsyncPgConnection,
    user: UserId,
    due_after: Duration,
) -> QueryResult<()> {
    let erasure = diesel::update(erasures::table.find(user.0));
    erasure.set(erasures::next_attempt_at.eq(Utc::now() + due_after)).execute(connection).await.map(drop)
}
