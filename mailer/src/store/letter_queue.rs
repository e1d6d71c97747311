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
        Array, BigInt, Bool, Double, Integer, Interval, Nullable, SmallInt, Text, Timestamptz,
        Uuid as SqlUuid,
    },
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use shared::{events::LetterToken, statement};
use std::{collections::HashSet, time::Duration};
use uuid::Uuid;

/// How long a letter waits for older ones at most, from when it was queued. The order of letters is a courtesy; a
/// traveller who gets no confirmation because a server defers an earlier letter is worse off.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How soon a letter is looked at again that waits for one that is being sent. The end of that one makes it due sooner,
/// except where another instance ends it in the same moment.
const RECHECK: Duration = Duration::from_secs(1);

/// How soon a letter is looked at again that waits for one that is tried later. That one may leave the queue by another
/// way than an attempt: superseded, or erased.
const HOLD: Duration = Duration::from_secs(30);

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
    (bool, Uuid, String, Option<String>, String, String, String, String, String, i32, i32, DateTime<Utc>);

statement! {
    /// Claims due letters. Those behind an older letter are held back instead. Those that a newer letter has made
    /// pointless while they were being sent leave the queue.
    Claim {
        limit: BigInt = i64,
        recheck: Interval = PgInterval,
        recheck_too: Interval = PgInterval,
        patience: Interval = PgInterval,
        hold: Interval = PgInterval,
        lease: Interval = PgInterval,
    } -> (Bool, SqlUuid, Text, Nullable<Text>, Text, Text, Text, Text, Text, Integer, Integer, Timestamptz),
    "WITH due AS MATERIALIZED (
        SELECT ctid AS place, letter_id, aggregate, aggregate_version, queued_at, superseded
        FROM letter_queue WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT $
        FOR UPDATE SKIP LOCKED
    ), behind AS MATERIALIZED (
        SELECT due.letter_id, older.until FROM due CROSS JOIN LATERAL (
            SELECT max(CASE WHEN sending OR next_attempt_at < now() + $ THEN now() + $ ELSE next_attempt_at END) AS until
            FROM letter_queue AS q
            WHERE q.aggregate = due.aggregate AND q.aggregate_version < due.aggregate_version
                  AND (SELECT lower(recipient) FROM letters WHERE id = q.letter_id)
                      = (SELECT lower(recipient) FROM letters WHERE id = due.letter_id)
            OFFSET 0
        ) AS older
        WHERE NOT superseded AND queued_at > now() - $ AND older.until IS NOT NULL
              AND (SELECT reference FROM letters WHERE id = due.letter_id) IS NOT NULL
    ), pointless AS (
        DELETE FROM letter_queue WHERE ctid = ANY (ARRAY(SELECT place FROM due WHERE superseded)) RETURNING letter_id
    ), given_up AS (
        UPDATE letters SET given_up = 'superseded' WHERE id = ANY (ARRAY(SELECT letter_id FROM pointless))
    ), erased AS (
        DELETE FROM letter_tokens WHERE letter_id = ANY (ARRAY(SELECT letter_id FROM pointless))
    ), claimed AS (
        UPDATE letter_queue AS q SET (sending, attempts, next_attempt_at, held_back) = (
            SELECT count(*) = 0, q.attempts + (count(*) = 0)::integer, coalesce(least(max(until), now() + $), now() + $), count(*) > 0
            FROM behind WHERE behind.letter_id = q.letter_id
        )
        WHERE ctid = ANY (ARRAY(SELECT place FROM due WHERE NOT superseded))
        RETURNING held_back, letter_id, attempts, failures, queued_at
    )
    SELECT held_back, l.*, attempts, failures, queued_at FROM claimed CROSS JOIN LATERAL (
        SELECT id, template, reference, recipient, locale, subject, data, message_id FROM letters WHERE id = letter_id OFFSET 0
    ) AS l"
}

/// What a claim has found.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// The letters that are to be sent.
    pub(crate) letters: Vec<ClaimedLetter>,
    /// How many letters were due and wait for older ones.
    pub(crate) held_back: usize,
}

/// Claims up to `limit` letters that are due, the longest due first. No other instance gets them before the lease ends.
///
/// A letter about a booking is not claimed while an older one to the same recipient about the same booking is in the
/// queue, except where it has waited for [`PATIENCE`]. Letters about an account have no order: an alert must not hold up
/// a password. A letter that a newer one superseded while it was being sent is given up.
///
/// # Errors
/// Those of the database.
pub(crate) async fn claim(
    mut connection: &AsyncPgConnection,
    limit: usize,
    lease: Duration,
) -> QueryResult<Claimed> {
    let claim = Claim {
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
        recheck: interval(RECHECK),
        recheck_too: interval(RECHECK),
        patience: interval(PATIENCE),
        hold: interval(HOLD),
        lease: interval(lease),
    };
    let rows: Vec<ClaimedRow> = claim.load(&mut connection).await?;
    let due = rows.len();
    let claimed = |row: ClaimedRow| {
        let (
            _,
            id,
            template,
            reference,
            recipient,
            locale,
            subject,
            data,
            message_id,
            attempts,
            failures,
            queued_at,
        ) = row;
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
    let letters: Vec<_> = rows.into_iter().filter(|(held_back, ..)| !held_back).map(claimed).collect();
    Ok(Claimed { held_back: due - letters.len(), letters })
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
    ), gone AS (
        DELETE FROM letter_queue
        WHERE ctid = ANY (ARRAY(SELECT place FROM sent WHERE place IS NOT NULL)) RETURNING letter_id, aggregate
    ), released AS (
        UPDATE letter_queue SET held_back = false, next_attempt_at = now() WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM letter_queue WHERE held_back AND aggregate = ANY (ARRAY(SELECT aggregate FROM gone))
            FOR UPDATE SKIP LOCKED
        ))
    )
    SELECT letter_id FROM gone"
}

statement! {
    /// Records attempts that failed, and decides what becomes of their letters.
    RecordFailed {
        retry: Interval = PgInterval,
        numbers: Array<Integer> = Vec<i32>,
        outcomes: Array<Text> = Vec<&'static str>,
        letters: Array<SqlUuid> = Vec<Uuid>,
        codes: Array<Nullable<SmallInt>> = Vec<Option<i16>>,
        messages: Array<Text> = Vec<String>,
        delays: Array<Double> = Vec<f64>,
    } -> (SqlUuid,),
    "WITH failed AS MATERIALIZED (
        SELECT n.*, q.place, CASE
            WHEN n.outcome = 'refused' THEN 'failed'
            WHEN q.superseded THEN 'superseded'
            WHEN q.queued_at < now() - $ THEN 'failed'
        END AS given_up
        FROM (
            SELECT id, i, $[i] AS number, $[i] AS outcome FROM unnest($) WITH ORDINALITY AS n (id, i)
        ) AS n
        LEFT JOIN LATERAL (
            SELECT ctid AS place, queued_at, superseded FROM letter_queue
            WHERE letter_id = n.id AND attempts = n.number AND sending OFFSET 0
        ) AS q ON true
    ), told AS (
        INSERT INTO letter_attempts (letter_id, number, outcome, smtp_code, message)
        SELECT id, number, outcome, $[i], $[i] FROM failed ON CONFLICT DO NOTHING
    ), gone AS (
        DELETE FROM letter_queue
        WHERE ctid = ANY (ARRAY(SELECT place FROM failed WHERE given_up IS NOT NULL AND place IS NOT NULL))
        RETURNING letter_id, aggregate
    ), given_up AS (
        UPDATE letters SET given_up = (SELECT failed.given_up FROM failed WHERE failed.id = letters.id)
        WHERE id = ANY (ARRAY(SELECT letter_id FROM gone))
    ), released AS (
        UPDATE letter_queue SET held_back = false, next_attempt_at = now() WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM letter_queue WHERE held_back AND aggregate = ANY (ARRAY(SELECT aggregate FROM gone))
            FOR UPDATE SKIP LOCKED
        ))
    ), erased AS (
        DELETE FROM letter_tokens WHERE letter_id = ANY (ARRAY(SELECT letter_id FROM gone))
    ), back AS (
        UPDATE letter_queue AS q SET
            sending = false,
            failures = failures + 1,
            next_attempt_at = now() + interval '1 second' * (SELECT $[f.i] FROM failed AS f WHERE f.id = q.letter_id)
        WHERE ctid = ANY (ARRAY(SELECT place FROM failed WHERE given_up IS NULL AND place IS NOT NULL)) RETURNING letter_id
    )
    SELECT letter_id FROM gone UNION ALL SELECT letter_id FROM back"
}

/// Records how attempts ended, and what becomes of their letters. A letter that was sent or refused leaves the queue, and
/// its token is erased. One that was deferred or found no server comes back after its delay, except where it was queued
/// longer than `retry` ago, or a newer letter has made it pointless: then it is given up. What leaves the queue makes the
/// letters due that were held back for it.
///
/// Gives the letters whose claim was still held. The others were claimed by another instance meanwhile, and belong to it.
/// Repeating the call changes nothing more.
///
/// # Errors
/// Those of the database. Some of the attempts may be recorded.
pub(crate) async fn record(
    connection: &AsyncPgConnection,
    ended: &[EndedAttempt],
    retry: Duration,
) -> QueryResult<HashSet<Uuid>> {
    let is_sent = |one: &&EndedAttempt| one.attempt.outcome == DeliveryOutcome::Sent;
    let (sent, failed): (Vec<_>, Vec<_>) = ended.iter().partition(is_sent);
    let (sent, failed) =
        try_join(record_sent(connection, &sent), record_failed(connection, &failed, retry)).await?;
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
    retry: Duration,
) -> QueryResult<Vec<(Uuid,)>> {
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    let statement = RecordFailed {
        retry: interval(retry),
        numbers: failed.iter().map(|one| one.number).collect(),
        outcomes: failed.iter().map(|one| one.attempt.outcome.as_str()).collect(),
        letters: failed.iter().map(|one| one.letter).collect(),
        codes: failed.iter().map(|one| one.attempt.smtp_code).collect(),
        messages: failed.iter().map(|one| one.attempt.message.clone()).collect(),
        delays: failed.iter().map(|one| one.delay.as_secs_f64()).collect(),
    };
    statement.load(&mut connection).await
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}
