//! Idempotency keys, and the answers that are replayed.

use super::schema::idempotency_keys;
use booking_engine::{
    booking::idempotency::{KEPT_HOURS, Key, StoredAnswer},
    ledger::rows::{KeyAnswer, KnownKey},
};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Binary, Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::BookingId, statement};
use std::collections::HashSet;
use uuid::Uuid;

statement! {
    /// Binds free keys; an expired key counts as free.
    Bind {
        scopes: Array<Binary> = Vec<Vec<u8>>,
        bodies: Array<Binary> = Vec<Vec<u8>>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        hours: Integer = i32,
    } -> (Binary,),
    "INSERT INTO idempotency_keys AS k (scope, body, booking_id, created_at) SELECT s, b, i, clock_timestamp() FROM unnest($, $, $) AS wanted (s, b, i) ORDER BY s ON CONFLICT (scope) DO UPDATE SET body = excluded.body, booking_id = excluded.booking_id, status = NULL, response = NULL, created_at = excluded.created_at WHERE k.created_at < clock_timestamp() - make_interval(hours => $) RETURNING scope"
}

statement! {
    /// Stores the answers of keys that are still bound to the bookings of those answers: another request may have bound
    /// an expired key meanwhile.
    Answer {
        scopes: Array<Binary> = Vec<Vec<u8>>,
        bookings: Array<SqlUuid> = Vec<Uuid>,
        statuses: Array<SmallInt> = Vec<i16>,
        responses: Array<Text> = Vec<String>,
    } -> (),
    "UPDATE idempotency_keys SET status = a.status, response = a.response FROM unnest($, $, $, $) AS a (scope, booking, status, response) WHERE idempotency_keys.scope = a.scope AND idempotency_keys.booking_id = a.booking"
}

statement! {
    /// Deletes some expired keys.
    Clean { hours: Integer = i32, limit: BigInt = i64 } -> (),
    "DELETE FROM idempotency_keys WHERE scope IN (SELECT scope FROM idempotency_keys WHERE created_at < clock_timestamp() - make_interval(hours => $) ORDER BY created_at LIMIT $)"
}

/// Binds keys to the bookings of their requests; gives the scopes of those that were free.
pub(crate) async fn bind(
    connection: &AsyncPgConnection,
    wanted: &[(&Key, BookingId)],
) -> QueryResult<HashSet<Vec<u8>>> {
    let query = Bind {
        scopes: wanted.iter().map(|(key, _)| key.scope.clone()).collect(),
        bodies: wanted.iter().map(|(key, _)| key.body.clone()).collect(),
        bookings: wanted.iter().map(|(_, booking)| booking.0).collect(),
        hours: KEPT_HOURS,
    };
    let rows: Vec<(Vec<u8>,)> = query.load(&mut &*connection).await?;
    Ok(rows.into_iter().map(|(scope,)| scope).collect())
}

/// Releases keys whose requests had no effect.
pub(crate) async fn release(connection: &AsyncPgConnection, scopes: &[&[u8]]) -> QueryResult<()> {
    if scopes.is_empty() {
        return Ok(());
    }
    let bound = idempotency_keys::table.filter(idempotency_keys::scope.eq_any(scopes));
    diesel::delete(bound).execute(&mut &*connection).await.map(drop)
}

/// Stores the answers of keys that are bound to their bookings.
pub(crate) async fn answer(connection: &AsyncPgConnection, answers: &[KeyAnswer]) -> QueryResult<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let query = Answer {
        scopes: answers.iter().map(|one| one.scope.clone()).collect(),
        bookings: answers.iter().map(|one| one.booking.0).collect(),
        statuses: answers.iter().map(|one| one.answer.status).collect(),
        responses: answers.iter().map(|one| one.answer.booking.clone()).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}

/// The booking and the answer of a key; `None` if it was not used in the last 24 hours.
pub(crate) async fn find(connection: &AsyncPgConnection, key: &Key) -> QueryResult<Option<KnownKey>> {
    use diesel::dsl::{IntervalDsl, sql};
    // As for binding, the clock as it is now: a transaction may have begun a while ago.
    let now = sql::<Timestamptz>("clock_timestamp()");
    let row: Option<(Vec<u8>, Option<i16>, Option<String>)> = idempotency_keys::table
        .filter(idempotency_keys::scope.eq(&key.scope))
        .filter(idempotency_keys::created_at.gt(now - KEPT_HOURS.hours()))
        .select((idempotency_keys::body, idempotency_keys::status, idempotency_keys::response))
        .first(&mut &*connection)
        .await
        .optional()?;
    Ok(row.map(|(body, status, response)| match (status, response) {
        _ if body != key.body => KnownKey::OtherBody,
        (Some(status), Some(booking)) => KnownKey::Answered(StoredAnswer { status, booking }),
        _ => KnownKey::Running,
    }))
}

/// Deletes expired keys, `limit` at most; gives how many.
pub(crate) async fn clean(connection: &AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    Clean { hours: KEPT_HOURS, limit }.execute(&mut &*connection).await
}
