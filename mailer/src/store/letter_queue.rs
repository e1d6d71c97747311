//! The queue of letters that wait or are being sent: claimed and taken out by the sender.
//!
//! Each statement is a transaction of its own. Rows are found by index whatever the server knows of the table: keys
//! that come as arrays are looked up in `LATERAL (... OFFSET 0)`, and rows are changed by their places (`ctid`).

use super::schema::letter_queue;
use crate::domain::{DeliveryAttempt, DeliveryOutcome};
use chrono::{DateTime, Utc};
use diesel::{
    data_types::PgInterval,
    prelude::*,
    sql_types::{
        Array, BigInt, Double, Integer, Interval, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use shared::{events::LetterToken, statement};
use std::{collections::HashSet, time::Duration};
use uuid::Uuid;

/// A letter that an instance has claimed to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimedLetter {
    pub(crate) id: Uuid,
    pub(crate) template: String,
    pub(crate) reference: Option<String>,
    pub(crate) recipient: String,
    /// BCP 47 language tag.
    pub(crate) locale: String,
    pub(crate) subject: String,
    /// What the template shows: a JSON object.
    pub(crate) data: String,
    pub(crate) message_id: String,
    /// The token that it brings, once it is [attached](super::letter_tokens::attach).
    pub(crate) token: Option<LetterToken>,
    /// The number of this attempt: the token of the claim.
    pub(crate) attempts: i32,
    pub(crate) failures: i32,
    pub(crate) queued_at: DateTime<Utc>,
}

/// An attempt that has ended, of a letter that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndedAttempt {
    /// The letter.
    pub(crate) letter: Uuid,
    /// The attempt's number: the token of the claim.
    pub(crate) number: i32,
    /// How it ended.
    pub(crate) attempt: DeliveryAttempt,
    /// After this a letter that was deferred or found no server is due again.
    pub(crate) delay: Duration,
    /// Whether the letter brings a token: it is erased with the last attempt.
    pub(crate) carries_token: bool,
}

/// The queue's part of a letter.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letter_queue)]
pub(crate) struct QueueRow {
    pub(crate) sending: bool,
    pub(crate) next_attempt_at: DateTime<Utc>,
}

type ClaimedRow =
    (Uuid, String, Option<String>, String, String, String, String, String, i32, i32, DateTime<Utc>);

statement! {
    /// Claims due letters.
    Claim {
        lease: Interval = PgInterval,
        limit: BigInt = i64,
    } -> (SqlUuid, Text, Nullable<Text>, Text, Text, Text, Text, Text, Integer, Integer, Timestamptz),
    "WITH claimed AS (
        UPDATE letter_queue SET sending = true, attempts = attempts + 1, next_attempt_at = now() + $
        WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM letter_queue WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT $
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING letter_id, attempts, failures, queued_at
    )
    SELECT l.*, attempts, failures, queued_at FROM claimed CROSS JOIN LATERAL (
        SELECT id, template, reference, recipient, locale, subject, data, message_id FROM letters
        WHERE id = letter_id OFFSET 0
    ) AS l"
}

/// Claims up to `limit` letters that are due, the longest due first. No other instance gets them before the lease ends.
///
/// # Errors
/// Those of the database.
pub(crate) async fn claim(
    mut connection: &AsyncPgConnection,
    limit: usize,
    lease: Duration,
) -> QueryResult<Vec<ClaimedLetter>> {
    let lease = PgInterval::from_microseconds(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX));
    let claim = Claim { lease, limit: i64::try_from(limit).unwrap_or(i64::MAX) };
    let rows: Vec<ClaimedRow> = claim.load(&mut connection).await?;
    let claimed = |row: ClaimedRow| {
        let (id, template, reference, recipient, locale, subject, data, message_id, attempts, failures, queued_at) =
            row;
        ClaimedLetter {
            id,
            template,
            reference,
            recipient,
            locale,
            subject,
            data,
            message_id,
            token: None,
            attempts,
            failures,
            queued_at,
        }
    };
    Ok(rows.into_iter().map(claimed).collect())
}

statement! {
    /// When the first letter is due, in seconds from now.
    NextDue {} -> (Double,),
    "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM letter_queue ORDER BY next_attempt_at LIMIT 1"
}

/// In how long the first letter of the queue is due, or its lease ends.
///
/// # Errors
/// Those of the database.
pub(crate) async fn next_due(mut connection: &AsyncPgConnection) -> QueryResult<Option<Duration>> {
    let seconds: Option<(f64,)> = NextDue {}.get_result(&mut connection).await.optional()?;
    Ok(seconds.map(|(seconds,)| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

statement! {
    /// Records attempts that succeeded.
    RecordSent {
        numbers: Array<Integer> = Vec<i32>,
        letters: Array<SqlUuid> = Vec<Uuid>,
        codes: Array<Nullable<SmallInt>> = Vec<Option<i16>>,
        messages: Array<Text> = Vec<String>,
        carrying: Array<SqlUuid> = Vec<Uuid>,
    } -> (SqlUuid,),
    "WITH sent AS MATERIALIZED (
        SELECT n.id, n.i, n.number, q.place
        FROM (SELECT id, i, $[i] AS number FROM unnest($) WITH ORDINALITY AS n (id, i)) AS n
        LEFT JOIN LATERAL (
            SELECT ctid AS place FROM letter_queue
            WHERE letter_id = n.id AND attempts = n.number AND sending OFFSET 0
        ) AS q ON true
    ), told AS (
        INSERT INTO letter_attempts (letter_id, number, outcome, smtp_code, message)
        SELECT id, number, 'sent', $[i], $[i] FROM sent ON CONFLICT DO NOTHING
    ), erased AS (
        DELETE FROM letter_tokens WHERE letter_id = ANY ($)
    )
    DELETE FROM letter_queue
    WHERE ctid = ANY (ARRAY(SELECT place FROM sent WHERE place IS NOT NULL)) RETURNING letter_id"
}

statement! {
    /// Records attempts that failed, and decides what becomes of their letters.
    RecordFailed {
        numbers: Array<Integer> = Vec<i32>,
        outcomes: Array<Text> = Vec<&'static str>,
        letters: Array<SqlUuid> = Vec<Uuid>,
        codes: Array<Nullable<SmallInt>> = Vec<Option<i16>>,
        messages: Array<Text> = Vec<String>,
        delays: Array<Double> = Vec<f64>,
    } -> (SqlUuid,),
    "WITH failed AS MATERIALIZED (
        SELECT n.*, q.place,
               n.outcome = 'refused' OR n.outcome = 'deferred' AND q.queued_at < now() - interval '3 days' AS final
        FROM (
            SELECT id, i, $[i] AS number, $[i] AS outcome FROM unnest($) WITH ORDINALITY AS n (id, i)
        ) AS n
        LEFT JOIN LATERAL (
            SELECT ctid AS place, queued_at FROM letter_queue
            WHERE letter_id = n.id AND attempts = n.number AND sending OFFSET 0
        ) AS q ON true
    ), told AS (
        INSERT INTO letter_attempts (letter_id, number, outcome, smtp_code, message)
        SELECT id, number, outcome, $[i], $[i] FROM failed ON CONFLICT DO NOTHING
    ), gone AS (
        DELETE FROM letter_queue
        WHERE ctid = ANY (ARRAY(SELECT place FROM failed WHERE final AND place IS NOT NULL)) RETURNING letter_id
    ), given_up AS (
        UPDATE letters SET given_up = 'failed' WHERE id = ANY (ARRAY(SELECT letter_id FROM gone))
    ), erased AS (
        DELETE FROM letter_tokens WHERE letter_id = ANY (ARRAY(SELECT letter_id FROM gone))
    ), back AS (
        UPDATE letter_queue AS q SET
            sending = false,
            failures = failures + 1,
            next_attempt_at = now() + interval '1 second' * (SELECT $[f.i] FROM failed AS f WHERE f.id = q.letter_id)
        WHERE ctid = ANY (ARRAY(SELECT place FROM failed WHERE NOT final AND place IS NOT NULL)) RETURNING letter_id
    )
    SELECT letter_id FROM gone UNION ALL SELECT letter_id FROM back"
}

/// Records how attempts ended, and what becomes of their letters. A letter that was sent or refused leaves the queue, and
/// its token is erased. One
/// that was deferred or found no server comes back after its delay; one that was deferred for three days is given up.
///
/// Gives the letters whose claim was still held. The others were claimed by another instance meanwhile, and belong to it.
/// Repeating the call changes nothing more.
///
/// # Errors
/// Those of the database. Some of the attempts may be recorded.
pub(crate) async fn record(
    connection: &AsyncPgConnection,
    ended: &[EndedAttempt],
) -> QueryResult<HashSet<Uuid>> {
    let is_sent = |one: &&EndedAttempt| one.attempt.outcome == DeliveryOutcome::Sent;
    let (sent, failed): (Vec<_>, Vec<_>) = ended.iter().partition(is_sent);
    let (sent, failed) = try_join(record_sent(connection, &sent), record_failed(connection, &failed)).await?;
    Ok(sent.into_iter().chain(failed).map(|(id,)| id).collect())
}

async fn record_sent(
    mut connection: &AsyncPgConnection,
    sent: &[&EndedAttempt],
) -> QueryResult<Vec<(Uuid,)>> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let statement = RecordSent {
        numbers: sent.iter().map(|one| one.number).collect(),
        letters: sent.iter().map(|one| one.letter).collect(),
        codes: sent.iter().map(|one| one.attempt.smtp_code).collect(),
        messages: sent.iter().map(|one| one.attempt.message.clone()).collect(),
        carrying: sent.iter().filter(|one| one.carries_token).map(|one| one.letter).collect(),
    };
    statement.load(&mut connection).await
}

async fn record_failed(
    mut connection: &AsyncPgConnection,
    failed: &[&EndedAttempt],
) -> QueryResult<Vec<(Uuid,)>> {
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    let statement = RecordFailed {
        numbers: failed.iter().map(|one| one.number).collect(),
        outcomes: failed.iter().map(|one| one.attempt.outcome.as_str()).collect(),
        letters: failed.iter().map(|one| one.letter).collect(),
        codes: failed.iter().map(|one| one.attempt.smtp_code).collect(),
        messages: failed.iter().map(|one| one.attempt.message.clone()).collect(),
        delays: failed.iter().map(|one| one.delay.as_secs_f64()).collect(),
    };
    statement.load(&mut connection).await
}
